//! The targets, each a parser of outside input behind its public entry point.

mod bot;
mod canned;
mod store;

pub(crate) mod answer;
pub(crate) mod command;
pub(crate) mod configuration;
pub(crate) mod engine;
pub(crate) mod event;
pub(crate) mod messages;
pub(crate) mod raw_json;
pub(crate) mod row_body;
pub(crate) mod store_file;
pub(crate) mod store_value;
pub(crate) mod sync_body;
pub(crate) mod sync_event;

/// Runs `work` to its end in virtual time.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without sockets needs nothing of the system");
    runtime.block_on(work)
}

/// What is told to people about outside input: short, on one line, nothing for a terminal
/// to obey.
#[track_caller]
fn assert_fit_to_tell(text: &str) {
    const MOST: usize = 2_000;
    assert!(
        text.len() <= MOST,
        "{} bytes to tell: {text:.200}",
        text.len()
    );
    assert!(
        !text.contains(char::is_control),
        "control characters to tell: {text:?}"
    );
}

//! The one list of cases, and what is made of it.

use std::{fmt, sync::Arc};

use super::CopyFactory;
use crate::conformance::CaseFuture;

/// Names every case of [copying](crate::conformance::contents) as a test.
///
/// Takes an expression that makes a
/// [`CopyFactory`]; it is evaluated for each test. The tests run on `tokio`, which the
/// calling crate needs with its feature `macros`.
///
/// ```
/// use matrix_bridge_testkit::{conformance::InMemory, copy_conformance};
///
/// copy_conformance!(InMemory::default());
/// ```
#[macro_export]
macro_rules! copy_conformance {
    ($factory:expr) => {
        $crate::for_each_copy_case!(name_copy_cases[$factory]);
    };
}

/// Calls a macro of this crate with `arguments` and the cases.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_copy_case {
    ($then:ident [$($arguments:tt)*]) => {
        $crate::$then! {
            [$($arguments)*]
            whole::everything_moves,
            whole::an_empty_store_moves,
            whole::there_and_back_every_record_is_the_same,
            whole::pages_of_any_size_hold_every_record_once,
            whole::many_records_move,
            whole::the_old_store_stays_as_it_was,
            whole::hostile_text_moves,
            whole::accounts_stay_apart_after_a_move,
            numbers::ids_go_on_after_a_move,
            numbers::numbers_of_what_is_gone_move,
            numbers::fences_go_on_after_a_move,
            numbers::generations_go_on_after_a_move,
            history::moved_marks_keep_their_order,
            history::moved_marks_keep_their_age,
            history::moved_last_events_keep_their_marks,
            history::moved_records_keep_their_age,
            history::outcomes_are_read_on_after_a_move,
            history::links_lead_both_ways_after_a_move,
            received::moved_entries_keep_their_order,
            received::a_moved_gap_is_filled_at_its_place,
            received::a_moved_gap_waits_until_it_is_the_first,
            received::a_moved_parked_event_is_decided,
            rows::claims_end_with_a_move,
            rows::leases_end_with_a_move,
            rows::moved_lanes_keep_their_order,
            rows::moved_rows_wait_as_before,
            rows::moved_rows_are_counted,
            rows::a_moved_lane_stays_blocked,
            rows::moved_rows_before_a_blocking_one_go_on,
            rows::moved_parked_rows_are_decided,
            rows::moved_keys_stay_taken,
            unfinished::an_unfinished_store_is_refused,
            unfinished::a_store_with_contents_is_not_filled,
            unfinished::a_store_that_was_in_use_is_not_empty,
            unfinished::an_interrupted_copy_starts_over,
            unfinished::a_finished_store_is_not_filled_again,
        }
    };
}

/// One test per case.
#[doc(hidden)]
#[macro_export]
macro_rules! name_copy_cases {
    ([$factory:expr] $($theme:ident::$case:ident,)*) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::conformance::contents::$theme::$case(&$factory).await;
            }
        )*
    };
}

/// One entry of the table per case.
#[doc(hidden)]
#[macro_export]
macro_rules! tabulate_copy_cases {
    ([] $($theme:ident::$case:ident,)*) => {
        &[$(CopyCase {
            name: stringify!($case),
            run: |factory| Box::pin(super::$theme::$case(factory)),
        },)*]
    };
}

/// A case of copying.
#[derive(Clone, Copy)]
pub struct CopyCase {
    /// What it claims.
    pub name: &'static str,
    /// Runs it; it panics when the store is wrong.
    pub run: for<'a> fn(&'a dyn CopyFactory) -> CaseFuture<'a>,
}

impl fmt::Debug for CopyCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All cases, for runners of one's own.
pub const COPY_CASES: &[CopyCase] = crate::for_each_copy_case!(tabulate_copy_cases []);

/// Runs every case on stores of its own, and names those that they fail; see
/// [`failing_cases`](crate::conformance::failing_cases).
pub async fn failing_copy_cases(factory: impl Fn() -> Arc<dyn CopyFactory>) -> Vec<&'static str> {
    let mut failing = Vec::new();
    for case in COPY_CASES {
        let factory = factory();
        let run = tokio::spawn(async move { (case.run)(&*factory).await });
        if run.await.is_err() {
            failing.push(case.name);
        }
    }
    failing
}

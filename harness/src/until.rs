//! Waiting for what another process does.

use std::time::Duration;

/// Much longer than anything takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);

const GLANCE: Duration = Duration::from_millis(50);

/// Looks until there is something to see.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(SOON, what, look).await
}

/// Looks until there is something to see, for at most `limit`.
pub async fn within<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(GLANCE).await;
        }
    };
    tokio::time::timeout(limit, seen)
        .await
        .unwrap_or_else(|_elapsed| panic!("not within {} s: {what}", limit.as_secs()))
}

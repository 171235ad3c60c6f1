//! A store with one of everything in it, and every question that can be asked of one.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use matrix_bridge::{
    Account, Batch, ClaimRequest, CommitOutcome, Fence, LeaseName, LeaseRequest, ListState,
    Membership, OutboundQueue as _, OutcomeCursor, PruneLimits, Settlement, SourceId, SqliteConfig,
    SqliteStore, StateStore as _, StoreError, Synchronous, Timestamp, ValueKey, Verdict, chain,
};
use matrix_bridge_testkit::conformance::full_batch;
use tempfile::TempDir;

use super::{assert_fit_to_tell, block_on};

/// The file of a store that was closed in order.
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (_folder, path) = place();
    block_on(fill(&path));
    fs::read(&path).expect("the store is there")
});

/// A folder that goes with the test, and a path for a store in it.
pub(super) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("bridge.db");
    (folder, path)
}

pub(super) fn file() -> &'static [u8] {
    &FILE
}

fn config(path: &Path) -> SqliteConfig {
    SqliteConfig::new(path)
        .synchronous(Synchronous::Normal)
        .inline()
}

async fn fill(path: &Path) {
    let store = config(path).open_engine().expect("a new store opens");
    for name in ["one", "two"] {
        let batch = full_batch(name);
        let outcome = store
            .commit(batch)
            .await
            .expect("a new store takes everything");
        assert_eq!(outcome, CommitOutcome::Applied);
    }
    // One lane goes on, the other stays under its claim.
    let claims = store.claim(claim(1)).await.expect("rows wait");
    for claim in claims.iter().take(1) {
        let sent = claim.rows.iter().map(|row| Settlement {
            row: row.id,
            token: claim.token,
            verdict: Verdict::Sent(Some(
                format!("$sent{}", row.id.0).try_into().expect("an id"),
            )),
            at: Timestamp(1),
        });
        store
            .settle(sent.collect())
            .await
            .expect("rows are claimed");
    }
    store.lease(lease()).await.expect("the lease is free");
    store.close().await.expect("the store closes");
}

/// Opens the file as an engine does after a crash or not, asks everything and writes.
pub(super) fn use_up(path: &Path) {
    block_on(async {
        match config(path).open_engine() {
            Ok(store) => {
                ask(&store).await;
                write(&store).await;
                told(store.close().await);
            }
            Err(error) => assert_fit_to_tell(&chain(&error)),
        }
        if let Ok(store) = config(path).open_reader() {
            ask(&store).await;
        }
    });
}

async fn ask(store: &SqliteStore) {
    let batch = full_batch("one");
    let (account, most) = (batch.account.clone(), 100);
    let rooms: Vec<_> = batch.facts.iter().map(|facts| facts.room.clone()).collect();
    told(store.checkpoint(&SourceId::new("sync")).await);
    told(store.seen(&account, &batch.marks).await);
    let ids: Vec<_> = rooms.iter().map(|room| &**room).collect();
    told(store.facts(&account, &ids).await);
    for membership in [Membership::Join, Membership::Invite] {
        told(store.rooms(&account, membership, None, most).await);
    }
    told(store.encrypted_rooms(&account).await);
    told(store.inbox_lanes(&account, None, most).await);
    for room in &rooms {
        told(store.inbox(&account, room, most).await);
    }
    told(store.parked_events(&account, None, most).await);
    let keys: Vec<ValueKey> = batch.values.iter().map(|value| value.key.clone()).collect();
    told(store.values(&keys).await);
    for row in &batch.rows {
        if let Some(link) = &row.body.link {
            told(store.linked_event(link).await);
        }
    }
    for state in [
        ListState::Waiting,
        ListState::Parked,
        ListState::Shadow,
        ListState::Sent,
    ] {
        told(store.list(state, None, most).await);
    }
    told(store.depth().await);
    told(store.next_due().await);
    told(store.outcomes(OutcomeCursor::default(), most).await);
}

/// What an engine writes in its first minute.
async fn write(store: &SqliteStore) {
    let account: Account = full_batch("one").account;
    told(store.lease(lease()).await);
    told(store.commit(full_batch("three")).await);
    let now = 100_000_000_000;
    let late = Batch {
        now: Timestamp(now),
        ..full_batch("four")
    };
    told(store.commit(late).await);
    if let Ok(claims) = store.claim(claim(now)).await {
        let verdict = |number: usize| match number % 4 {
            0 => Verdict::Sent(None),
            1 => Verdict::Release,
            2 => Verdict::Shadow,
            _ => Verdict::Retry {
                due: Timestamp(now),
                counted: true,
            },
        };
        let rows = claims
            .iter()
            .flat_map(|c| c.rows.iter().map(|row| (row.id, c.token)));
        let settlements = rows.enumerate().map(|(number, (row, token))| Settlement {
            row,
            token,
            verdict: verdict(number),
            at: Timestamp(now),
        });
        told(store.settle(settlements.collect()).await);
    }
    if let Ok(parked) = store.list(ListState::Parked, None, 100).await {
        let ids: Vec<_> = parked.iter().map(|row| row.id).collect();
        told(store.requeue(&ids, Timestamp(now)).await);
        told(store.discard(&ids).await);
    }
    let limits = PruneLimits {
        marks_before: Timestamp(now),
        marks_max: 1,
        records_before: Timestamp(now),
        records_max: 1,
        parked_events_max: 1,
        parked_rows_max: 1,
    };
    told(store.prune(limits).await);
    told(store.seen(&account, &full_batch("two").marks).await);
    told(store.release(&LeaseName::new("ingest"), Fence(1)).await);
}

/// Whatever it says is fit to be read.
fn told<T>(result: Result<T, StoreError>) {
    if let Err(error) = result {
        assert_fit_to_tell(&chain(&error));
    }
}

fn claim(now: u64) -> ClaimRequest {
    ClaimRequest {
        now: Timestamp(now),
        ttl: Duration::from_secs(1),
        lanes: 100,
        newcomers: 2,
        rows_per_lane: 100,
        paused: Vec::new(),
    }
}

fn lease() -> LeaseRequest {
    LeaseRequest {
        name: LeaseName::new("ingest"),
        holder: "fuzz".to_owned(),
        now: Timestamp(1),
        ttl: Duration::from_secs(1),
    }
}

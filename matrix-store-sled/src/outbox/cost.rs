//! A call that is made again and again costs the same however many rows there are.

use matrix_bridge_core::{
    Action, Address, ClaimRequest, Disposition, EndpointClass, Identity, LaneId, NewRow,
    OrderPolicy, ParkCode, ParkReason, PruneLimits, RowBody, RowKey, Settlement, Timestamp,
    Verdict, ruma::OwnedUserId,
};
use tempfile::TempDir;

use super::{claim, enqueue, report, settle};
use crate::{
    tables::prune,
    tree::{Disk, View},
};

/// How many of a kind there are in each of ten lanes.
fn filled(rows: u64) -> (TempDir, Disk) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path(), 64 << 20).unwrap();
    let mut view = View::of(disk.tree());
    let dispositions = [
        Disposition::Send,
        Disposition::Shadow,
        Disposition::Park(ParkReason::new(ParkCode::Forbidden, "no")),
    ];
    let all = (0..rows).flat_map(|n| (0..10).map(move |lane| (n, lane)));
    let new = all.flat_map(|(n, lane)| {
        let row = move |(kind, disposition)| NewRow {
            disposition,
            ..row(&format!("{n} {lane} {kind}"), &format!("lane {lane}"))
        };
        dispositions.clone().into_iter().enumerate().map(row)
    });
    enqueue::rows(&mut view, new.collect(), Timestamp(1)).unwrap();
    disk.commit(view.into_batch().unwrap()).unwrap();
    (folder, disk)
}

fn row(key: &str, lane: &str) -> NewRow {
    let user: OwnedUserId = "@bot:example.org".try_into().unwrap();
    let key = RowKey::new(key);
    NewRow {
        transaction_id: key.transaction_id(&user),
        key,
        lane: LaneId::new(lane),
        sender: Identity { user, device: None },
        class: EndpointClass::Join,
        body: RowBody {
            action: Action::Join,
            address: Address::Room("!room:example.org".try_into().unwrap()),
            cause: None,
            caused_at: None,
            deadline: None,
            order: OrderPolicy::GoOn,
            link: None,
        },
        disposition: Disposition::Send,
        created: Timestamp(1),
    }
}

/// How many keys are read while a claim is made and settled, and by what else is asked
/// again and again.
fn reads(rows: u64) -> u64 {
    let (_folder, disk) = filled(rows);
    let mut view = View::of(disk.tree());
    let request = ClaimRequest {
        now: Timestamp(5),
        ttl: std::time::Duration::from_secs(1),
        lanes: 4,
        newcomers: 2,
        rows_per_lane: 3,
        paused: Vec::new(),
    };
    let claims = claim::claim(&mut view, &request).unwrap();
    assert_eq!(claims.len(), 4);
    let settlements = claims.iter().flat_map(|claim| {
        claim.rows.iter().map(|row| Settlement {
            row: row.id,
            token: claim.token,
            verdict: Verdict::Sent(None),
            at: Timestamp(6),
        })
    });
    settle::settle(&mut view, settlements.collect()).unwrap();
    report::depth(&view).unwrap();
    report::parked(&view).unwrap();
    claim::next_due(&view).unwrap();
    let limits = PruneLimits {
        marks_before: Timestamp(0),
        marks_max: u64::MAX,
        records_before: Timestamp(0),
        records_max: rows * 10 - 5,
        parked_events_max: 10,
        parked_rows_max: rows * 10 - 5,
    };
    let pruned = prune::all(&mut view, limits).unwrap();
    assert_eq!((pruned.records, pruned.parked_rows), (5, 5));
    view.reads()
}

#[test]
fn a_turn_costs_the_same_however_long_the_backlog_is() {
    assert_eq!(reads(10), reads(200));
}

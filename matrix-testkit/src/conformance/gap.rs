//! What is missing of a room, and what is read of it later.

use matrix_bridge_core::{
    Batch, CommitOutcome, Gap, GapCause, GapEnd, GapFill, InboxEntry, InboxId, InboxItem,
    InboxLane, InboxRetry, NewInboxEntry, Stale,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{at, batch, full_batch, gap, inbox_event, inbox_gap, last_seen, other_account, room},
};

/// A gap comes back as it was put in, every field of it, also after a restart.
pub async fn gaps_come_back_whole(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let whole = Gap {
        from: Some("t1\0\"\u{1F600}".into()),
        last_seen: last_seen("one", "seen").last_seen,
        cause: GapCause::PositionLost,
        found: at(3),
        read: 1 << 40,
        spent: 1 << 41,
        is_out: true,
        is_encrypted: true,
        end: Some(GapEnd::Refused),
    };
    let bare = Gap {
        from: None,
        ..gap("")
    };
    let inbox = [whole, bare].map(|gap| NewInboxEntry {
        item: InboxItem::Gap(gap),
        received: at(7),
        is_catch_up: true,
        attempts: 3,
        due: at(9),
        ..inbox_gap("one", "one")
    });
    let batch = Batch {
        inbox: inbox.to_vec(),
        ..batch()
    };
    store.commit(batch).await;
    store = store.reopen(factory).await;

    let entries = store.inbox("one").await;
    let entries = entries.into_iter().map(|entry| entry.entry);
    assert_eq!(entries.collect::<Vec<_>>(), inbox);
}

/// A gap is filled backwards: each fill stands before the one before it, and all of them
/// before what came after the gap. The gap stays in front, under its id.
pub async fn what_fills_a_gap_stands_right_behind_it(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let id = open_gap(&store, &["y", "z"]).await;

    store.commit(fill(id, &["e", "f"], Some("left 2"))).await;
    let is = names(&store.inbox("one").await);
    assert_eq!(is, ["gap left 2", "e", "f", "y", "z"]);

    // New events come meanwhile, in the same commit and in others.
    let mut second = fill(id, &["c", "d"], Some("left 1"));
    second.inbox.push(inbox_event("last", "one"));
    store.commit(second).await;
    let inbox = store.inbox("one").await;
    let expected = ["gap left 1", "c", "d", "e", "f", "y", "z", "last"];
    assert_eq!(names(&inbox), expected);
    assert_eq!(inbox[0].id, id);

    store.commit(fill(id, &[], Some("left 0"))).await;
    store.commit(fill(id, &["a", "b"], None)).await;
    let is = names(&store.inbox("one").await);
    assert_eq!(is, ["a", "b", "c", "d", "e", "f", "y", "z", "last"]);
}

/// How far a gap was read survives a restart, with the order and the ids.
pub async fn a_started_fill_survives_a_reopening(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let id = open_gap(&store, &["z"]).await;
    store.commit(fill(id, &["c", "d"], Some("left 2"))).await;
    let before = store.inbox("one").await;

    store = store.reopen(factory).await;
    assert_eq!(store.inbox("one").await, before);
    store.commit(fill(id, &["b"], Some("left 1"))).await;
    store = store.reopen(factory).await;
    store.commit(fill(id, &["a"], None)).await;
    store = store.reopen(factory).await;

    let inbox = store.inbox("one").await;
    assert_eq!(names(&inbox), ["a", "b", "c", "d", "z"]);
    assert_eq!(inbox[2..], before[1..]);
    assert!(inbox[0].id > inbox[1].id, "ids only grow, not places");
}

/// The gap keeps the rest of its entry, and can be put off and settled like an event.
pub async fn a_gap_is_an_entry_like_others(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let id = open_gap(&store, &["z"]).await;
    let retry = InboxRetry {
        id,
        attempts: 4,
        due: at(900),
    };
    let put_off = Batch {
        inbox_retry: vec![retry],
        ..fill(id, &["a"], Some("left"))
    };
    store.commit(put_off).await;

    let expected = NewInboxEntry {
        attempts: 4,
        due: at(900),
        ..inbox_gap("left", "one")
    };
    assert_eq!(store.inbox("one").await[0].entry, expected);
    store.commit(done(id)).await;
    assert_eq!(names(&store.inbox("one").await), ["a", "z"]);
}

/// What came before a gap is handled before the gap is filled.
pub async fn only_the_first_entry_of_a_room_is_filled(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let inbox = vec![
        inbox_gap("first", "one"),
        inbox_event("a", "one"),
        inbox_gap("second", "one"),
        inbox_gap("elsewhere", "two"),
    ];
    store.commit(Batch { inbox, ..batch() }).await;
    let entries = store.inbox("one").await;
    let [first, a, second] = [entries[0].id, entries[1].id, entries[2].id];

    refused(&store, fill(second, &["b"], None), second).await;
    // What comes before is settled by a commit of its own.
    let at_once = Batch {
        inbox_done: vec![first, a],
        ..fill(second, &["b"], None)
    };
    refused(&store, at_once, second).await;
    store.commit(fill(first, &[], None)).await;
    refused(&store, fill(a, &["b"], None), a).await;
    store.commit(done(a)).await;
    store.commit(fill(second, &["b"], None)).await;

    assert_eq!(names(&store.inbox("one").await), ["b"]);
    assert_eq!(names(&store.inbox("two").await), ["gap elsewhere"]);
}

/// A gap that is gone, never was or is another account's leaves the batch stale.
pub async fn a_fill_of_no_gap_writes_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let id = open_gap(&store, &["z"]).await;

    let absent = InboxId(id.0 + 1_000);
    refused(&store, fill(absent, &["a"], Some("left")), absent).await;
    let of_other = Batch {
        account: other_account(),
        ..fill(id, &["a"], Some("left"))
    };
    refused(&store, of_other, id).await;
    store.commit(fill(id, &["a"], None)).await;
    refused(&store, fill(id, &["b"], Some("left")), id).await;

    assert_eq!(names(&store.inbox("one").await), ["a", "z"]);
}

/// A batch that names a gap twice would lose what comes second.
pub async fn a_batch_names_a_gap_once(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let id = open_gap(&store, &["z"]).await;

    for rest in [None, Some("left")] {
        let mut twice = fill(id, &["a"], rest);
        twice.fills.extend(fill(id, &["b"], rest).fills);
        refused(&store, twice, id).await;
        let settled = Batch {
            inbox_done: vec![id],
            ..fill(id, &["a"], rest)
        };
        refused(&store, settled, id).await;
    }
}

/// Gaps of two rooms are filled by one batch, each in its room.
pub async fn gaps_of_two_rooms_are_filled_at_once(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let inbox = ["one", "two"].map(|room| [inbox_gap(room, room), inbox_event("z", room)]);
    let inbox = inbox.concat();
    store.commit(Batch { inbox, ..batch() }).await;
    let mut both = Batch { ..batch() };
    for room in ["two", "one"] {
        let id = store.inbox(room).await[0].id;
        let entries = ["a", "b"].map(|name| inbox_event(name, room)).to_vec();
        let rest = Some(gap(room));
        both.fills.push(GapFill {
            gap: id,
            entries,
            rest,
        });
    }
    store.commit(both).await;

    for room in ["one", "two"] {
        let expected = [&format!("gap {room}"), "a", "b", "z"];
        assert_eq!(names(&store.inbox(room).await), expected);
    }
}

/// Rooms are listed with their gaps; the first entry says how old they are.
pub async fn inbox_lanes_count_gaps(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let missed = NewInboxEntry {
        received: at(5),
        ..inbox_gap("gap", "one")
    };
    let inbox = vec![missed, inbox_event("z", "one")];
    store.commit(Batch { inbox, ..batch() }).await;
    let id = store.inbox("one").await[0].id;
    let lane = |entries, oldest| InboxLane {
        room: room("one"),
        entries,
        oldest: at(oldest),
    };
    assert_eq!(store.inbox_lanes().await, [lane(2, 5)]);

    let entries = vec![NewInboxEntry {
        received: at(9),
        ..inbox_event("a", "one")
    }];
    let mut filled = fill(id, &[], Some("left"));
    filled.fills[0].entries = entries;
    store.commit(filled).await;
    assert_eq!(store.inbox_lanes().await, [lane(3, 5)]);
    store.commit(fill(id, &[], None)).await;
    assert_eq!(store.inbox_lanes().await, [lane(2, 9)]);
}

/// A room with a gap and then events of those names. Returns the gap.
async fn open_gap(store: &Checked, after: &[&str]) -> InboxId {
    let mut inbox = vec![inbox_gap("whole", "one")];
    inbox.extend(after.iter().map(|name| inbox_event(name, "one")));
    store.commit(Batch { inbox, ..batch() }).await;
    store.inbox("one").await[0].id
}

/// Fills the gap with events of those names; `rest` is what is still missing.
pub(super) fn fill(gap_id: InboxId, names: &[&str], rest: Option<&str>) -> Batch {
    let entries = names.iter().map(|name| inbox_event(name, "one")).collect();
    let rest = rest.map(gap);
    Batch {
        fills: vec![GapFill {
            gap: gap_id,
            entries,
            rest,
        }],
        ..batch()
    }
}

fn done(id: InboxId) -> Batch {
    Batch {
        inbox_done: vec![id],
        ..batch()
    }
}

/// The batch is stale because of that entry, and nothing of it is written, also not what
/// it holds besides.
async fn refused(store: &Checked, batch: Batch, id: InboxId) {
    let rooms = ["one", "two", "more"];
    let before = store.contents(&rooms).await;
    let Batch {
        account,
        inbox_done,
        fills,
        ..
    } = batch;
    let batch = Batch {
        account,
        inbox_done,
        fills,
        ..full_batch("more")
    };
    let outcome = store.try_commit(batch).await;

    assert_eq!(outcome, CommitOutcome::Stale(Stale::Inbox(id)));
    assert_eq!(store.contents(&rooms).await, before);
}

/// Events by name, gaps by where they go on.
pub(super) fn names(inbox: &[InboxEntry]) -> Vec<String> {
    let name = |entry: &InboxEntry| match &entry.entry.item {
        InboxItem::Event { event_id, .. } => {
            let id = event_id.as_str().trim_start_matches('$');
            id.split(':').next().unwrap_or_default().to_owned()
        }
        InboxItem::Gap(gap) => format!("gap {}", gap.from.as_deref().unwrap_or_default()),
    };
    inbox.iter().map(name).collect()
}

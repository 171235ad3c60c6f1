//! What became of rows, for the host to read.

use matrix_bridge_core::{
    HostLink, ListState, OutcomeCursor, OutcomeResult, PruneLimits, RowKey, Verdict,
    ruma::OwnedEventId,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{at, event, link, linked, no_limits, parked, reason, row, settlement},
};

/// Outcomes are told in the order in which they were written, each whole.
pub async fn outcomes_are_told_in_their_order(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store
        .enqueue(vec![row("a", "one"), row("b", "one"), row("c", "two")])
        .await;
    let claims = store.claim(1).await;
    let sent = Verdict::Sent(Some(event("c")));
    store.settle_all(&claims[1], sent, 5).await;
    let verdicts = [Verdict::Sent(None), Verdict::Park(reason("no"))];
    let rows = claims[0].rows.iter().zip(verdicts).rev();
    let all = rows.map(|(row, verdict)| settlement(&claims[0], row, verdict, 4));
    assert_eq!(store.settle(all.collect()).await, []);

    let outcomes = store.outcomes().await;
    let told = outcomes.iter().map(|outcome| {
        let key = outcome.key.clone();
        (key, outcome.at, outcome.result.clone())
    });
    let expected = [
        (
            RowKey::new("c"),
            at(5),
            OutcomeResult::Sent(Some(event("c"))),
        ),
        (RowKey::new("b"), at(4), OutcomeResult::Parked(reason("no"))),
        (RowKey::new("a"), at(4), OutcomeResult::Sent(None)),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

/// A host that reads page by page from its cursor misses nothing and reads nothing twice.
pub async fn outcomes_are_read_without_a_gap(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let mut cursor = OutcomeCursor::default();
    let mut read = Vec::new();
    for round in 0..6 {
        let rows = (0..5).map(|n| parked(row(&format!("{round}{n}"), "lane")));
        store.enqueue(rows.collect()).await;
        // Slower than they are written at first, and then all the rest.
        for _ in 0..if round < 5 { 1 } else { 20 } {
            let page = store.outcomes_after(cursor, 3).await;
            assert!(page.len() <= 3);
            cursor = page.last().map_or(cursor, |last| last.cursor);
            read.extend(page.into_iter().map(|outcome| outcome.key.to_string()));
        }
        store = store.reopen(factory).await;
    }

    let rounds = (0..6).flat_map(|round| (0..5).map(move |n| format!("{round}{n}")));
    assert_eq!(read, rounds.collect::<Vec<_>>());
    assert_eq!(store.outcomes_after(cursor, 3).await, []);
}

/// A host that has read everything sees what comes after it, also when all was pruned.
pub async fn cursors_are_not_used_again(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    store.enqueue(vec![parked(row("a", "lane"))]).await;
    let read = store.outcomes().await[0].cursor;
    assert!(read > OutcomeCursor::default());
    store
        .prune(PruneLimits {
            records_before: at(1_000),
            ..no_limits()
        })
        .await;
    assert_eq!(store.outcomes().await, []);
    store = store.reopen(factory).await;

    store.enqueue(vec![parked(row("b", "lane"))]).await;

    let later = store.outcomes_after(read, 10).await;
    assert_eq!(later.len(), 1);
    assert_eq!(later[0].key.as_str(), "b");
}

/// A sent row links the host's message and the event, both ways; no other row does.
pub async fn a_sent_row_is_linked_both_ways(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let rows = ["sent", "parked", "eventless"].map(|name| linked(row(name, name), name));
    store.enqueue(rows.to_vec()).await;
    let claims = store.claim(1).await;
    assert_eq!(linked_event(&store, "sent").await, None);
    let verdicts = [
        Verdict::Sent(Some(event("sent"))),
        Verdict::Park(reason("no")),
        Verdict::Sent(None),
    ];
    for (claim, verdict) in claims.iter().zip(verdicts) {
        store.settle_all(claim, verdict, 2).await;
    }
    store = store.reopen(factory).await;

    assert_eq!(linked_event(&store, "sent").await, Some(event("sent")));
    assert_eq!(linked_host(&store, "sent").await, Some(link("sent")));
    assert_eq!(linked_event(&store, "parked").await, None);
    assert_eq!(linked_event(&store, "eventless").await, None);
    assert_eq!(linked_host(&store, "other").await, None);
}

/// Each part of the name of a host's message counts.
pub async fn links_are_told_apart_by_every_part(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let links = [
        link("id"),
        HostLink {
            namespace: "other".into(),
            ..link("id")
        },
        HostLink {
            part: 1,
            ..link("id")
        },
        HostLink {
            kind: "edit".into(),
            ..link("id")
        },
        link("ID"),
    ];
    for (n, link) in links.iter().enumerate() {
        let mut row = row(&n.to_string(), "lane");
        row.body.link = Some(link.clone());
        store.enqueue(vec![row]).await;
        let sent = Verdict::Sent(Some(event(&n.to_string())));
        store.settle_due(sent, 1).await;
    }

    for (n, link) in links.iter().enumerate() {
        let linked = store.store.linked_event(link).await;
        let linked = linked.expect("links are readable");
        assert_eq!(linked, Some(event(&n.to_string())));
        let host = linked_host(&store, &n.to_string()).await;
        assert_eq!(host.as_ref(), Some(link));
    }
}

/// Links are one to one; a newer one replaces what either side was linked to.
pub async fn a_newer_link_replaces_an_older_one(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let send = async |key: &str, host: &str, name: &str| {
        store.enqueue(vec![linked(row(key, "lane"), host)]).await;
        store.settle_due(Verdict::Sent(Some(event(name))), 1).await;
    };
    send("1", "a", "one").await;
    send("2", "a", "two").await;
    assert_eq!(linked_event(&store, "a").await, Some(event("two")));
    assert_eq!(linked_host(&store, "one").await, None);

    send("3", "b", "two").await;
    assert_eq!(linked_host(&store, "two").await, Some(link("b")));
    assert_eq!(linked_event(&store, "a").await, None);
    send("4", "b", "two").await;

    assert_eq!(linked_host(&store, "two").await, Some(link("b")));
    assert_eq!(linked_event(&store, "b").await, Some(event("two")));
    assert_eq!(store.list(ListState::Sent).await.len(), 4);
}

async fn linked_event(store: &Checked, host: &str) -> Option<OwnedEventId> {
    let event = store.store.linked_event(&link(host)).await;
    event.expect("links are readable")
}

async fn linked_host(store: &Checked, name: &str) -> Option<HostLink> {
    let host = store.store.linked_host(&event(name)).await;
    host.expect("links are readable")
}

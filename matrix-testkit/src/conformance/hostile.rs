//! Text and JSON from outside, byte for byte.

use matrix_bridge_core::{
    Account, Action, Advance, Batch, Claim, HostLink, InboxItem, LaneId, LeaseName, LeaseOutcome,
    LeaseRequest, ListState, NewInboxEntry, NewParkedEvent, NewRow, ParkCode, ParkReason, Position,
    RawJson, Row, RowKey, RowState, SourceId, ValueChange, ValueKey, Verdict,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        ALL, account, advance, at, batch, due, event, inbox_event, json, lease_of, parked_event,
        room, row, settlement,
    },
};

/// Text that stores are known to bend: by ending it, folding it, trimming it, or running
/// it. Every one differs from every other.
pub(super) fn texts() -> Vec<String> {
    let short = [
        "",
        " ",
        "\0",
        "a",
        "a\0",
        "a\0b",
        "A",
        "a ",
        " a",
        "ä",
        "a\u{308}",
        "ß",
        "ss",
        "%",
        "_",
        "'",
        "\"",
        "`",
        "\\",
        "\\0",
        "\n",
        "\r\n",
        "--",
        "/*",
        "$1",
        "?1",
        ":a",
        "null",
        "NULL",
        "0",
        "00",
        "1e3",
        "'; DROP TABLE outbox; --",
        "\" OR \"\"=\"",
        "{\"json\":true}",
        "[]",
        "\u{202e}abc\u{202c}",
        "\u{feff}a",
        "\u{200d}",
        "שלום",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{e000}",
        "\u{7f}",
        "\u{1}",
    ];
    let long = ["x".repeat(65_536), "🦀".repeat(16_384), "\0".repeat(1_000)];
    let nearly = format!("{}y", "x".repeat(65_535));
    let short = short.into_iter().map(str::to_owned);
    short.chain(long).chain([nearly]).collect()
}

/// JSON that parsers are known to bend.
fn documents() -> Vec<RawJson> {
    let nested = |open: &str, middle: &str, close: &str| {
        format!("{}{middle}{}", open.repeat(120), close.repeat(120))
    };
    [
        r#"{"body":"\ud800"}"#.to_owned(),
        r#"{"body":"\udfff\ud800","\udc00":1}"#.to_owned(),
        r#"{"a":1,"a":2,"":{}}"#.to_owned(),
        "{ \"a\" :\n\t[ 1 , 2 ] }".to_owned(),
        r#"{"n":1e400,"i":123456789012345678901234567890,"z":-0,"f":1.0}"#.to_owned(),
        r#"{"nul":"\u0000","slash":"\/","tab":"\t","escaped":"\u00e4"}"#.to_owned(),
        "{\"rtl\":\"\u{202e}abc\",\"emoji\":\"👩\u{200d}👧\",\"quote\":\"'\"}".to_owned(),
        nested("[", "", "]"),
        nested(r#"{"a":"#, "1", "}"),
        format!(r#"{{"long":"{}"}}"#, "x".repeat(65_536)),
        "null".to_owned(),
        "\"text\"".to_owned(),
    ]
    .into_iter()
    .map(json)
    .collect()
}

/// Keys and values come back byte for byte, and no two keys are taken for one.
pub async fn hostile_text_in_values_survives(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let texts = texts();
    let keys: Vec<ValueKey> = texts
        .iter()
        .flat_map(|text| [ValueKey::new("n", text), ValueKey::new(text, "k")])
        .collect();
    let numbered = keys.iter().cloned().enumerate();
    let values = numbered.map(|(n, key)| ValueChange {
        key,
        value: Some(format!("{n}\0\u{ff}").into()),
    });
    let binary = ValueChange {
        key: ValueKey::new("binary", "all bytes"),
        value: Some((0..=255).collect()),
    };
    let values = values.chain([binary.clone()]).collect();
    store.commit(Batch { values, ..batch() }).await;
    store = store.reopen(factory).await;

    let read = store
        .store
        .values(&keys)
        .await
        .expect("values are readable");
    let expected = (0..keys.len()).map(|n| Some(format!("{n}\0\u{ff}").into()));
    assert_eq!(read, expected.collect::<Vec<_>>());
    let read = store.store.values(&[binary.key]).await;
    assert_eq!(read.expect("values are readable"), [binary.value]);
}

/// No two accounts are taken for one, and no two sources.
pub async fn hostile_accounts_and_sources_are_told_apart(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let texts = texts();
    for (n, text) in texts.iter().enumerate() {
        let advance = advance(0, text).map(|advance| Advance {
            source: SourceId::new(text),
            ..advance
        });
        let marks = vec![event(&n.to_string())];
        let account = Account::new(text);
        store
            .commit(Batch {
                account,
                advance,
                marks,
                ..batch()
            })
            .await;
    }

    let events: Vec<_> = (0..texts.len()).map(|n| event(&n.to_string())).collect();
    for (n, text) in texts.iter().enumerate() {
        let checkpoint = store.store.checkpoint(&SourceId::new(text)).await;
        let checkpoint = checkpoint.expect("the checkpoint is readable");
        assert_eq!(checkpoint.position, Some(Position::new(text)));
        assert_eq!(checkpoint.generation.0, 1);
        let seen = store.store.seen(&Account::new(text), &events).await;
        let seen = seen.expect("marks are readable");
        assert_eq!(seen.iter().position(|seen| *seen), Some(n));
        assert_eq!(seen.iter().filter(|seen| **seen).count(), 1);
    }
}

/// Every text of a row comes back, and no two keys or lanes are taken for one.
pub async fn hostile_text_in_rows_survives(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let rows: Vec<NewRow> = texts().iter().map(|text| hostile_row(text)).collect();
    store.enqueue(rows.clone()).await;
    store.enqueue(rows.clone()).await;
    store = store.reopen(factory).await;

    let listed = store.list(ListState::Waiting).await;
    let parts = |row: &Row| (row.key.clone(), row.lane.clone(), row.body.clone());
    let listed: Vec<_> = listed.iter().map(parts).collect();
    let expected: Vec<_> = rows
        .into_iter()
        .map(|row| (row.key, row.lane, row.body))
        .collect();
    assert_eq!(listed, expected);
    let claims = store.claim(1).await;
    assert_eq!(claims.len(), expected.len(), "each lane is one of its own");
    for claim in claims {
        let row = &claim.rows[0];
        assert_eq!(row.lane, claim.lane);
        settle_hostile(&store, &claim).await;
    }
}

/// Sends the row of one text, or parks it, and looks at what was written.
async fn settle_hostile(store: &Checked, claim: &Claim) {
    let row = &claim.rows[0];
    let name = format!("sent-{}", row.id.0);
    let sent = Verdict::Sent(Some(event(&name)));
    store.settle_all(claim, sent, 2).await;
    let outcomes = store.outcomes().await;
    let last = outcomes.last().expect("an outcome was written");
    assert_eq!(last.key, row.key);
    let link = row.body.link.as_ref().expect("the row has a link");
    let linked = store.store.linked_event(link).await;
    assert_eq!(linked.expect("links are readable"), Some(event(&name)));
    let host = store.store.linked_host(&event(&name)).await;
    assert_eq!(host.expect("links are readable").as_ref(), Some(link));
}

/// A row with `text` in every field that takes any.
fn hostile_row(text: &str) -> NewRow {
    let mut row = row(text, "lane");
    row.key = RowKey::new(text);
    row.lane = LaneId::new(text);
    row.body.action = Action::State {
        event_type: text.into(),
        state_key: text.into(),
        content: RawJson::from_value(text).expect("a string is JSON"),
    };
    row.body.link = Some(HostLink {
        namespace: text.into(),
        id: text.into(),
        part: u32::MAX,
        kind: text.into(),
    });
    row
}

/// What a person reads about parked things is what was written.
pub async fn hostile_reasons_survive(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let texts = texts();
    let reasons = texts.iter().zip(ParkCode::ALL.iter().cycle());
    let reasons: Vec<_> = reasons
        .map(|(text, code)| ParkReason::new(*code, text))
        .collect();
    for (n, reason) in reasons.iter().enumerate() {
        store.enqueue(vec![row(&n.to_string(), "lane")]).await;
        store.settle_due(Verdict::Park(reason.clone()), 1).await;
        let event = NewParkedEvent {
            reason: reason.clone(),
            ..parked_event("event")
        };
        let parked = vec![event];
        store.commit(Batch { parked, ..batch() }).await;
    }

    let rows = store.list(ListState::Parked).await;
    let states = rows.into_iter().map(|row| row.state);
    let expected = reasons.iter().cloned();
    let expected = expected.map(|reason| RowState::Parked { reason });
    assert_eq!(states.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let events = store.parked_events().await;
    let read = events.into_iter().rev().map(|parked| parked.event.reason);
    assert_eq!(read.collect::<Vec<_>>(), reasons);
}

/// No two leases are taken for one, and no two holders.
pub async fn hostile_leases_are_told_apart(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let texts = texts();
    for text in &texts {
        let request = LeaseRequest {
            name: LeaseName::new(text),
            ..lease_of(text, 1)
        };
        let fence = store.held(request.clone()).await;
        assert_eq!(store.held(request).await, fence, "it is the same holder");
    }
    store.held(lease_of("a", 1)).await;
    for text in texts.iter().filter(|text| *text != "a") {
        let outcome = store.lease(lease_of(text, 2)).await;
        assert!(matches!(outcome, LeaseOutcome::Taken { .. }), "{text:.20?}");
    }
}

/// JSON comes back as the bytes it came in: in the inbox, in parked events, in rows.
pub async fn hostile_json_survives(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let documents = documents();
    let raw = documents.iter().cloned();
    let inbox = raw.clone().map(|raw| NewInboxEntry {
        item: InboxItem::Event {
            event_id: event("one"),
            raw,
        },
        ..inbox_event("one", "one")
    });
    let parked = raw.clone().map(|raw| NewParkedEvent {
        raw,
        ..parked_event("one")
    });
    let rows = raw.enumerate().map(|(n, content)| {
        let mut row = row(&n.to_string(), "lane");
        let event_type = "m.room.message".into();
        row.body.action = Action::Message {
            event_type,
            content,
        };
        row
    });
    let batch = Batch {
        inbox: inbox.collect(),
        parked: parked.collect(),
        rows: rows.collect(),
        ..batch()
    };
    store.commit(batch).await;
    store = store.reopen(factory).await;

    let inbox = store.store.inbox(&account(), &room("one"), ALL).await;
    let inbox = inbox.expect("the inbox is readable").into_iter();
    let inbox = inbox.map(|entry| match entry.entry.item {
        InboxItem::Event { raw, .. } => raw,
        InboxItem::Gap(gap) => panic!("a gap came back: {gap:?}"),
    });
    same(inbox, &documents);
    let parked = store.parked_events().await.into_iter().rev();
    same(parked.map(|parked| parked.event.raw), &documents);
    let claim = store.claim_one(1).await;
    same(claim.rows.iter().map(content), &documents);
    let amended = documents.iter().rev().zip(&claim.rows);
    let amended = amended.map(|(content, row)| {
        let event_type = "m.room.message".into();
        let content = content.clone();
        let verdict = Verdict::Amend(Action::Message {
            event_type,
            content,
        });
        settlement(&claim, row, verdict, 2)
    });
    assert_eq!(store.settle(amended.collect()).await, []);
    let rows = store.list(ListState::Waiting).await;
    same(rows.iter().rev().map(content), &documents);
}

fn content(row: &Row) -> RawJson {
    match &row.body.action {
        Action::Message { content, .. } => content.clone(),
        other => panic!("another action came back: {other:?}"),
    }
}

/// Compares texts: `RawJson` shows only its length.
fn same(read: impl Iterator<Item = RawJson>, documents: &[RawJson]) {
    let read: Vec<_> = read.collect();
    assert_eq!(read.len(), documents.len());
    for (read, document) in read.iter().zip(documents) {
        assert_eq!(read.as_str(), document.as_str());
    }
}

/// Times far ahead keep their order and come back.
pub async fn times_far_ahead_survive(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    // The year 9999, and the largest number that JavaScript knows exactly.
    let far = [253_402_300_799_999, 9_007_199_254_740_991];
    let rows = far.map(|time| due(row(&time.to_string(), &time.to_string()), time));
    store.enqueue(rows.to_vec()).await;

    let created = store.list(ListState::Waiting).await;
    let created: Vec<_> = created.iter().map(|row| row.created).collect();
    assert_eq!(created, far.map(at));
    assert_eq!(store.next_due().await, Some(at(far[0])));
    assert_eq!(store.claim(far[0]).await.len(), 1);
}

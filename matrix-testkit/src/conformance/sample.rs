//! Values that the cases are made of.

use std::time::Duration;

use matrix_bridge_core::{
    Account, Action, Address, Advance, Batch, Claim, ClaimRequest, Disposition, EndpointClass, Gap,
    GapCause, Generation, HostLink, Identity, InboxEntry, InboxItem, LaneId, LastSeen, LeaseName,
    LeaseRequest, Membership, NewInboxEntry, NewParkedEvent, NewRow, OrderPolicy, ParkCode,
    ParkReason, Position, PruneLimits, RawJson, RoomFacts, Row, RowBody, RowKey, Settlement,
    SourceId, Timestamp, ValueChange, ValueKey, Verdict,
    ruma::{OwnedEventId, OwnedRoomId, OwnedUserId},
};

/// How long claims and leases hold in the cases.
pub(super) const HOLD: Duration = Duration::from_millis(1_000);

/// More than there ever is.
pub(super) const ALL: usize = 10_000;

pub(super) const fn at(millis: u64) -> Timestamp {
    Timestamp(millis)
}

pub(super) fn account() -> Account {
    Account::new("@bot:example.org")
}

pub(super) fn other_account() -> Account {
    Account::new("@other:example.org")
}

pub(super) fn source() -> SourceId {
    SourceId::new("sync")
}

pub(super) fn event(name: &str) -> OwnedEventId {
    let id = format!("${name}:example.org");
    OwnedEventId::try_from(id).expect("a valid event id")
}

pub(super) fn room(name: &str) -> OwnedRoomId {
    let id = format!("!{name}:example.org");
    OwnedRoomId::try_from(id).expect("a valid room id")
}

pub(super) fn user(name: &str) -> OwnedUserId {
    let id = format!("@{name}:example.org");
    OwnedUserId::try_from(id).expect("a valid user id")
}

pub(super) fn json(text: impl Into<String>) -> RawJson {
    RawJson::new(text.into()).expect("valid JSON")
}

pub(super) fn reason(detail: &str) -> ParkReason {
    ParkReason::new(ParkCode::Forbidden, detail)
}

/// An empty batch of the account at time 1.
pub(super) fn batch() -> Batch {
    Batch::new(account(), at(1))
}

/// The move of the source from generation `from` to `position`.
pub(super) fn advance(from: u64, position: &str) -> Option<Advance> {
    Some(Advance {
        source: source(),
        expected: Generation(from),
        position: Some(Position::new(position)),
    })
}

/// A message of the bot, decided and due at time 1.
pub(super) fn row(key: &str, lane: &str) -> NewRow {
    let key = RowKey::new(key);
    let sender = Identity {
        user: user("bot"),
        device: Some("DEVICE".into()),
    };
    NewRow {
        lane: LaneId::new(lane),
        class: EndpointClass::Event,
        transaction_id: key.transaction_id(&sender.user),
        sender,
        body: RowBody {
            action: message(key.as_str()),
            address: Address::Room(room(lane)),
            cause: None,
            caused_at: None,
            deadline: None,
            order: OrderPolicy::GoOn,
            link: None,
        },
        disposition: Disposition::Send,
        created: at(1),
        key,
    }
}

/// The same row, decided and due at `created`.
pub(super) fn due(row: NewRow, created: u64) -> NewRow {
    NewRow {
        created: at(created),
        ..row
    }
}

/// The same row of another sender.
pub(super) fn from(row: NewRow, name: &str) -> NewRow {
    let sender = Identity {
        user: user(name),
        device: None,
    };
    NewRow { sender, ..row }
}

/// The same row, linked to the host's message `id`.
pub(super) fn linked(mut row: NewRow, id: &str) -> NewRow {
    row.body.link = Some(link(id));
    row
}

/// The same row, in shadow mode.
pub(super) fn shadow(row: NewRow) -> NewRow {
    let disposition = Disposition::Shadow;
    NewRow { disposition, ..row }
}

/// The same row, for which the lane waits while it is parked.
pub(super) fn blocking(mut row: NewRow) -> NewRow {
    row.body.order = OrderPolicy::Block;
    row
}

/// The same row, parked from the start.
pub(super) fn parked(row: NewRow) -> NewRow {
    let disposition = Disposition::Park(reason("from the start"));
    NewRow { disposition, ..row }
}

pub(super) fn message(text: &str) -> Action {
    let text = RawJson::from_value(text).expect("a string is JSON");
    Action::Message {
        event_type: "m.room.message".into(),
        content: json(format!(r#"{{"body":{}}}"#, text.as_str())),
    }
}

pub(super) fn link(id: &str) -> HostLink {
    HostLink {
        namespace: "host".into(),
        id: id.into(),
        part: 0,
        kind: "primary".into(),
    }
}

/// A gap that goes on at `from`.
pub(super) fn gap(from: &str) -> Gap {
    Gap {
        from: Some(from.into()),
        last_seen: None,
        cause: GapCause::Limited,
        found: at(1),
        read: 0,
        spent: 0,
        is_out: false,
        is_encrypted: false,
        end: None,
    }
}

pub(super) fn inbox_gap(from: &str, room_name: &str) -> NewInboxEntry {
    NewInboxEntry {
        item: InboxItem::Gap(gap(from)),
        ..inbox_event("", room_name)
    }
}

pub(super) fn inbox_event(name: &str, room_name: &str) -> NewInboxEntry {
    NewInboxEntry {
        room: room(room_name),
        item: InboxItem::Event {
            event_id: event(name),
            raw: json(format!(r#"{{"event_id":"${name}:example.org"}}"#)),
        },
        received: at(1),
        sent: at(1),
        is_catch_up: false,
        attempts: 0,
        due: at(1),
    }
}

/// The ids of events in an inbox; gaps have none.
pub(super) fn event_ids(inbox: &[InboxEntry]) -> Vec<OwnedEventId> {
    let ids = inbox.iter().filter_map(|entry| match &entry.entry.item {
        InboxItem::Event { event_id, .. } => Some(event_id.clone()),
        InboxItem::Gap(_) => None,
    });
    ids.collect()
}

pub(super) fn parked_event(name: &str) -> NewParkedEvent {
    NewParkedEvent {
        room: room("room"),
        event_id: Some(event(name)),
        raw: json(r#"{"broken":true}"#),
        reason: reason(name),
        at: at(1),
    }
}

pub(super) fn facts(name: &str, membership: Membership) -> RoomFacts {
    RoomFacts {
        membership,
        ..RoomFacts::unknown(room(name))
    }
}

/// A joined room whose last event is `last`.
pub(super) fn last_seen(name: &str, last: &str) -> RoomFacts {
    RoomFacts {
        last_seen: Some(LastSeen {
            event_id: event(last),
            at: at(1),
        }),
        ..facts(name, Membership::Join)
    }
}

pub(super) fn key(name: &str) -> ValueKey {
    ValueKey::new("sample", name)
}

pub(super) fn set(name: &str, value: &'static str) -> ValueChange {
    ValueChange {
        key: key(name),
        value: Some(value.as_bytes().into()),
    }
}

pub(super) fn remove(name: &str) -> ValueChange {
    ValueChange {
        key: key(name),
        value: None,
    }
}

/// A claim of all that is due.
pub(super) fn claim_at(now: u64) -> ClaimRequest {
    ClaimRequest {
        now: at(now),
        ttl: HOLD,
        lanes: ALL,
        newcomers: 0,
        rows_per_lane: ALL,
        paused: Vec::new(),
    }
}

/// What became of a claimed row.
pub(super) fn settlement(claim: &Claim, row: &Row, verdict: Verdict, now: u64) -> Settlement {
    Settlement {
        row: row.id,
        token: claim.token,
        verdict,
        at: at(now),
    }
}

/// The same for all rows of a claim.
pub(super) fn settlements(claim: &Claim, verdict: &Verdict, now: u64) -> Vec<Settlement> {
    let rows = claim.rows.iter();
    rows.map(|row| settlement(claim, row, verdict.clone(), now))
        .collect()
}

/// The lease that the cases ask for.
pub(super) fn lease_name() -> LeaseName {
    LeaseName::new("ingest")
}

pub(super) fn lease_of(holder: &str, now: u64) -> LeaseRequest {
    LeaseRequest {
        name: lease_name(),
        holder: holder.into(),
        now: at(now),
        ttl: HOLD,
    }
}

/// Limits that keep everything.
pub(super) const fn no_limits() -> PruneLimits {
    PruneLimits {
        marks_before: at(0),
        marks_max: u64::MAX,
        records_before: at(0),
        records_max: u64::MAX,
        parked_events_max: u64::MAX,
        parked_rows_max: u64::MAX,
    }
}

/// The keys of claimed rows, claim by claim.
pub(super) fn claimed_keys(claims: &[Claim]) -> Vec<Vec<&str>> {
    claims.iter().map(|claim| keys(&claim.rows)).collect()
}

/// The keys of rows.
pub(super) fn keys(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.key.as_str()).collect()
}

/// A batch that uses every field but the owner, all of it named after `name`.
#[must_use]
pub fn full_batch(name: &'static str) -> Batch {
    Batch {
        marks: vec![event(name)],
        rows: vec![
            linked(row(name, name), name),
            shadow(row(&format!("{name} shadow"), name)),
            parked(row(&format!("{name} parked"), name)),
        ],
        inbox: vec![inbox_event(name, name), inbox_gap(name, name)],
        parked: vec![parked_event(name)],
        facts: vec![RoomFacts {
            encrypted: true,
            successor: Some(room("successor")),
            ..last_seen(name, &format!("{name}-last"))
        }],
        values: vec![set(name, name)],
        ..batch()
    }
}

//! The names under which the engine counts, through the `metrics` facade.
//!
//! The host picks the exporter. No label has values from outside, so their number is
//! bounded.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

use crate::{AccountTrouble, GapCause, GapEnd, ParkCode};

/// Rows that were sent.
pub const SEND_SUCCESS: &str = "matrix_send_success_total";
/// Attempts that failed, by `reason`.
pub const SEND_FAILURE: &str = "matrix_send_failure_total";
/// Timeline events received, before any filter.
pub const EVENTS_RECEIVED: &str = "matrix_sync_events_received_total";
/// Rooms created.
pub const ROOM_CREATION: &str = "matrix_room_creation_total";
/// Events that came again and were not handled again.
pub const DUPLICATES: &str = "matrix_duplicate_events_total";
/// Events that were not handled on purpose, by `reason`.
pub const EVENTS_SKIPPED: &str = "matrix_events_skipped_total";
/// Rows waiting to be sent.
pub const OUTBOX_DEPTH: &str = "matrix_outbox_depth";
/// The age of the oldest of them.
pub const OUTBOX_OLDEST: &str = "matrix_outbox_oldest_seconds";
/// Events received and not yet handled.
pub const INBOX_DEPTH: &str = "matrix_inbox_depth";
/// Events and rows given up, by `reason`.
pub const PARKED: &str = "matrix_parked_total";
/// Answers that asked us to wait.
pub const RATE_LIMITED: &str = "matrix_rate_limited_total";
/// Looks into rooms' histories for what may have been sent.
pub const LOOKS: &str = "matrix_history_looks_total";
/// Rows that had been sent already, as a look showed.
pub const FOUND: &str = "matrix_lost_answers_total";
/// The time since the source last answered.
pub const SYNC_LAG: &str = "matrix_sync_lag_seconds";
/// How long handlers take.
pub const HANDLER: &str = "matrix_handler_seconds";
/// Encrypted rooms, in which nothing is handled or sent.
pub const ENCRYPTED_ROOMS: &str = "matrix_encrypted_rooms";
/// Gaps found in rooms, by `reason`.
pub const GAPS: &str = "matrix_gaps_total";
/// Gaps that were given up before they were filled, by `reason`.
pub const GAPS_UNFILLED: &str = "matrix_gaps_unfilled_total";
/// Events that gaps were filled with.
pub const GAP_EVENTS: &str = "matrix_gap_events_total";
/// Rows recorded by shadow mode instead of being sent.
pub const SHADOWED: &str = "matrix_shadow_total";

/// Why an event was not handled, on purpose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Skip {
    /// We sent it.
    Own,
    /// The room is off or not listed.
    RoomOff,
    /// The room is encrypted.
    Encrypted,
    /// It is from before we came.
    History,
    /// It came too late to be handled.
    Old,
    /// It could not be read and has no id to park it under.
    Unreadable,
    /// An invite that is left alone.
    Invite,
}

impl Skip {
    const ALL: [Self; 7] = [
        Self::Own,
        Self::RoomOff,
        Self::Encrypted,
        Self::History,
        Self::Old,
        Self::Unreadable,
        Self::Invite,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::RoomOff => "room_off",
            Self::Encrypted => "encrypted",
            Self::History => "history",
            Self::Old => "old",
            Self::Unreadable => "unreadable",
            Self::Invite => "invite",
        }
    }
}

/// Describes every metric and sets it to 0, so that the first scrape shows them all.
///
/// The engine calls it when it starts. A host that runs with Matrix switched off calls
/// it itself, after it installed its exporter.
pub fn register() {
    for (name, text) in COUNTERS {
        describe_counter!(name, Unit::Count, text);
    }
    for name in [SEND_SUCCESS, EVENTS_RECEIVED, ROOM_CREATION, DUPLICATES] {
        counter!(name).absolute(0);
    }
    for name in [RATE_LIMITED, GAP_EVENTS, SHADOWED, LOOKS, FOUND] {
        counter!(name).absolute(0);
    }
    for reason in SEND_FAILURES
        .into_iter()
        .chain(TROUBLES.map(AccountTrouble::as_str))
    {
        counter!(SEND_FAILURE, "reason" => reason).absolute(0);
    }
    for reason in Skip::ALL {
        counter!(EVENTS_SKIPPED, "reason" => reason.as_str()).absolute(0);
    }
    for cause in GapCause::ALL {
        counter!(GAPS, "reason" => cause.as_str()).absolute(0);
    }
    for end in GapEnd::ALL {
        counter!(GAPS_UNFILLED, "reason" => end.as_str()).absolute(0);
    }
    for code in ParkCode::ALL {
        counter!(SEND_FAILURE, "reason" => code.as_str()).absolute(0);
        counter!(PARKED, "reason" => code.as_str()).absolute(0);
    }
    for (name, unit, text) in GAUGES {
        describe_gauge!(name, unit, text);
        gauge!(name).set(0.0);
    }
    describe_histogram!(HANDLER, Unit::Seconds, "How long handlers take");
    // Present from the first scrape, without an observation that never was.
    let _ = metrics::histogram!(HANDLER);
}

pub(crate) const AWAY: &str = "away";
pub(crate) const RATE: &str = "rate_limited";
pub(crate) const SERVER: &str = "server";
pub(crate) const RELATION: &str = "relation";

const SEND_FAILURES: [&str; 4] = [AWAY, RATE, SERVER, RELATION];
const TROUBLES: [AccountTrouble; 6] = [
    AccountTrouble::UnknownToken,
    AccountTrouble::SoftLogout,
    AccountTrouble::Locked,
    AccountTrouble::Suspended,
    AccountTrouble::Deactivated,
    AccountTrouble::LimitExceeded,
];

const COUNTERS: [(&str, &str); 14] = [
    (SEND_SUCCESS, "Rows that were sent"),
    (SEND_FAILURE, "Attempts to send that failed"),
    (EVENTS_RECEIVED, "Timeline events received"),
    (ROOM_CREATION, "Rooms created"),
    (
        DUPLICATES,
        "Events that came again and were not handled again",
    ),
    (EVENTS_SKIPPED, "Events that were not handled on purpose"),
    (PARKED, "Events and rows given up and kept for a person"),
    (RATE_LIMITED, "Answers that asked us to wait"),
    (GAPS, "Gaps found in rooms"),
    (
        GAPS_UNFILLED,
        "Gaps that were given up before they were filled",
    ),
    (GAP_EVENTS, "Events that gaps were filled with"),
    (
        LOOKS,
        "Looks into rooms' histories for what may have been sent",
    ),
    (FOUND, "Rows that had been sent already, as a look showed"),
    (
        SHADOWED,
        "Rows recorded by shadow mode instead of being sent",
    ),
];

const GAUGES: [(&str, Unit, &str); 5] = [
    (OUTBOX_DEPTH, Unit::Count, "Rows waiting to be sent"),
    (
        OUTBOX_OLDEST,
        Unit::Seconds,
        "Age of the oldest row waiting to be sent",
    ),
    (
        INBOX_DEPTH,
        Unit::Count,
        "Events received and not yet handled",
    ),
    (
        SYNC_LAG,
        Unit::Seconds,
        "Time since the source last answered",
    ),
    (
        ENCRYPTED_ROOMS,
        Unit::Count,
        "Encrypted rooms, in which nothing is handled or sent",
    ),
];

pub(crate) fn count(name: &'static str, by: usize) {
    counter!(name).increment(by as u64);
}

pub(crate) fn count_reason(name: &'static str, reason: &'static str) {
    counter!(name, "reason" => reason).increment(1);
}

pub(crate) fn skipped(reason: Skip) {
    count_reason(EVENTS_SKIPPED, reason.as_str());
}

pub(crate) fn set(name: &'static str, value: u64) {
    // Beyond 2^53 a gauge rounds, which no queue reaches.
    gauge!(name).set(value as f64);
}

pub(crate) fn set_seconds(name: &'static str, span: Duration) {
    gauge!(name).set(span.as_secs_f64());
}

pub(crate) fn handler_took(span: Duration) {
    metrics::histogram!(HANDLER).record(span.as_secs_f64());
}

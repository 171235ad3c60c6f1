//! What is stored: one table per kind of record, and per order in which they are read.

/// Makes the enum and the names from one list.
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What a key is about; its number is the first byte of the key.
        ///
        /// The numbers are in files: one that was given never changes its meaning.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[repr(u8)]
        pub(crate) enum Table {
            $($(#[$doc])* $name = $number,)*
        }

        /// The name of the table with that number, for errors.
        pub(super) const fn name_of(number: u8) -> &'static str {
            match number {
                $($number => stringify!($name),)*
                _ => "unknown",
            }
        }
    };
}

tables! {
    /// The schema, marks of the engine, and the last numbers given.
    Meta = 0,
    /// How many there are of something.
    Count = 1,
    /// The later pieces of long records, under the keys of these.
    Piece = 2,
    /// By the digest of the source.
    Source = 10,
    /// By digest: when it was set, and its place among all.
    Mark = 11,
    /// Marks by place.
    MarkByPlace = 12,
    /// Marks by the time they were set, and by place.
    MarkByAge = 13,
    /// By account and room.
    Room = 14,
    /// Rooms by account, membership and room.
    RoomByMembership = 15,
    /// By the digests of a room's last event and of the room.
    LastSeen = 16,
    /// By id.
    Inbox = 17,
    /// Entries of the inbox by room, in the room's order.
    InboxByRoom = 18,
    /// By account and room: how many entries wait.
    InboxRoom = 19,
    /// By id.
    ParkedEvent = 20,
    /// Parked events by account.
    ParkedEventByAccount = 21,
    /// By the digest of namespace and key.
    Value = 22,
    /// By the digest of the name.
    Lease = 23,
    /// The head of a row, by id: what changes of it.
    Row = 30,
    /// The body of a row, by id.
    Body = 31,
    /// Rows by the digest of their key.
    RowByKey = 32,
    /// Rows by state.
    RowByState = 33,
    /// Waiting rows by when they were decided.
    WaitingByAge = 34,
    /// Parked rows by reason, and by when they were decided.
    ParkedByAge = 35,
    /// Rows that can be forgotten, by state and by when they came into it.
    Settled = 36,
    /// By the digest of the lane: whose turn it is there, and when.
    Lane = 40,
    /// Rows that wait or are claimed, by lane.
    LaneRow = 41,
    /// Rows that are claimed, by lane.
    LaneClaimed = 42,
    /// Rows that block their lane, by lane.
    LaneBlocking = 43,
    /// Lanes that can be claimed, by when, and by their first row.
    Ready = 44,
    /// Of these the ones that had no turn yet.
    Newcomer = 45,
    /// By cursor.
    Outcome = 50,
    /// Outcomes by time.
    OutcomeByAge = 51,
    /// By the digest of the host's message.
    Link = 52,
    /// Links by the digest of the event.
    LinkByEvent = 53,
}

//! The names of what the server can be asked.

/// What a request asks for; faults and the log go by it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "each is the endpoint of its name in the client-server API"
)]
pub enum Endpoint {
    Versions,
    Capabilities,
    Register,
    LoginFlows,
    Login,
    Refresh,
    Logout,
    Whoami,
    CreateRoom,
    ResolveAlias,
    PutAlias,
    DeleteAlias,
    RoomAliases,
    Join,
    Invite,
    Leave,
    Kick,
    Ban,
    Unban,
    Forget,
    Upgrade,
    JoinedRooms,
    JoinedMembers,
    Members,
    State,
    PutState,
    Send,
    Redact,
    SendToDevice,
    Sync,
    Messages,
    GetEvent,
    Receipt,
    ReadMarkers,
    Typing,
    Presence,
    Profile,
    PutProfile,
    CreateMedia,
    Upload,
    Download,
    MediaConfig,
    PutFilter,
    Filter,
    AccountData,
    PutAccountData,
    /// Whatever the server does not know.
    Unknown,
}

impl Endpoint {
    /// Whether a request that is no GET changes nothing but the client's own session.
    pub(crate) const fn is_housekeeping(self) -> bool {
        matches!(
            self,
            Self::Login | Self::Refresh | Self::Logout | Self::PutFilter
        )
    }

    /// Whether Synapse counts the request against the shared bucket of writes.
    pub(crate) const fn is_limited(self) -> bool {
        matches!(
            self,
            Self::Send
                | Self::PutState
                | Self::Redact
                | Self::CreateRoom
                | Self::Join
                | Self::Invite
                | Self::Leave
                | Self::Kick
                | Self::Ban
                | Self::Unban
                | Self::Upgrade
                | Self::PutProfile
        )
    }

    /// Whether a suspended user is refused.
    pub(crate) const fn is_closed_to_suspended(self) -> bool {
        matches!(
            self,
            Self::Send
                | Self::PutState
                | Self::CreateRoom
                | Self::Join
                | Self::Invite
                | Self::Kick
                | Self::Ban
                | Self::Unban
                | Self::PutProfile
                | Self::Upload
        )
    }
}

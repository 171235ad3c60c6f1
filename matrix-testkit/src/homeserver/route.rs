//! From a method and a path to an endpoint: one table.

use std::collections::BTreeMap;

use http::Method;

use super::{
    auth::Who,
    call::{Call, percent_decode},
    endpoint::Endpoint,
    errors::ApiError,
    reply::Reply,
    state::Homeserver,
};

/// Why a request has no route.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Miss {
    Path,
    Method,
}

/// Answers an endpoint that needs a token.
pub(crate) type AuthedHandler = fn(&mut Homeserver, &Call, &Who) -> Result<Reply, ApiError>;

/// Answers one endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handler {
    /// Anyone may ask.
    Open(fn(&mut Homeserver, &Call) -> Result<Reply, ApiError>),
    /// Needs a token.
    Authed(AuthedHandler),
    /// Needs a token and may wait.
    Sync,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) endpoint: Endpoint,
    pub(crate) handler: Handler,
    method: Method,
    prefixes: &'static [&'static str],
    pattern: &'static str,
}

const CLIENT: &[&str] = &["/_matrix/client/v3/", "/_matrix/client/r0/"];
const CLIENT_V1: &[&str] = &["/_matrix/client/v1/"];
const ROOT: &[&str] = &["/_matrix/client/"];
const MEDIA: &[&str] = &["/_matrix/media/v3/", "/_matrix/media/r0/"];
const MEDIA_V1: &[&str] = &["/_matrix/media/v1/"];

const fn open(
    endpoint: Endpoint,
    method: Method,
    prefixes: &'static [&'static str],
    pattern: &'static str,
    handler: fn(&mut Homeserver, &Call) -> Result<Reply, ApiError>,
) -> Route {
    Route {
        endpoint,
        handler: Handler::Open(handler),
        method,
        prefixes,
        pattern,
    }
}

const fn authed(
    endpoint: Endpoint,
    method: Method,
    prefixes: &'static [&'static str],
    pattern: &'static str,
    handler: AuthedHandler,
) -> Route {
    Route {
        endpoint,
        handler: Handler::Authed(handler),
        method,
        prefixes,
        pattern,
    }
}

use Endpoint as E;
use Homeserver as H;

#[rustfmt::skip]
static ROUTES: &[Route] = &[
    open(E::Versions, Method::GET, ROOT, "versions", H::versions),
    open(E::Register, Method::POST, CLIENT, "register", H::register),
    open(E::LoginFlows, Method::GET, CLIENT, "login", H::login_flows),
    open(E::Login, Method::POST, CLIENT, "login", H::login),
    open(E::Refresh, Method::POST, CLIENT, "refresh", H::refresh),
    authed(E::Logout, Method::POST, CLIENT, "logout", H::logout),
    authed(E::Logout, Method::POST, CLIENT, "logout/all", H::logout_all),
    authed(E::Whoami, Method::GET, CLIENT, "account/whoami", H::whoami),
    authed(E::Capabilities, Method::GET, CLIENT, "capabilities", H::capabilities),
    authed(E::CreateRoom, Method::POST, CLIENT, "createRoom", H::create_room),
    open(E::ResolveAlias, Method::GET, CLIENT, "directory/room/{alias}", H::resolve_alias),
    authed(E::PutAlias, Method::PUT, CLIENT, "directory/room/{alias}", H::put_alias),
    authed(E::DeleteAlias, Method::DELETE, CLIENT, "directory/room/{alias}", H::delete_alias),
    authed(E::RoomAliases, Method::GET, CLIENT, "rooms/{room}/aliases", H::room_aliases),
    authed(E::Join, Method::POST, CLIENT, "join/{room}", H::join),
    authed(E::Join, Method::POST, CLIENT, "rooms/{room}/join", H::join),
    authed(E::Invite, Method::POST, CLIENT, "rooms/{room}/invite", H::invite),
    authed(E::Leave, Method::POST, CLIENT, "rooms/{room}/leave", H::leave),
    authed(E::Kick, Method::POST, CLIENT, "rooms/{room}/kick", H::kick),
    authed(E::Ban, Method::POST, CLIENT, "rooms/{room}/ban", H::ban),
    authed(E::Unban, Method::POST, CLIENT, "rooms/{room}/unban", H::unban),
    authed(E::Forget, Method::POST, CLIENT, "rooms/{room}/forget", H::forget),
    authed(E::Upgrade, Method::POST, CLIENT, "rooms/{room}/upgrade", H::upgrade),
    authed(E::JoinedRooms, Method::GET, CLIENT, "joined_rooms", H::joined_rooms),
    authed(E::JoinedMembers, Method::GET, CLIENT, "rooms/{room}/joined_members", H::joined_members),
    authed(E::Members, Method::GET, CLIENT, "rooms/{room}/members", H::members),
    authed(E::State, Method::GET, CLIENT, "rooms/{room}/state", H::whole_state),
    authed(E::State, Method::GET, CLIENT, "rooms/{room}/state/{type}", H::single_state),
    authed(E::State, Method::GET, CLIENT, "rooms/{room}/state/{type}/{key}", H::single_state),
    authed(E::PutState, Method::PUT, CLIENT, "rooms/{room}/state/{type}", H::put_state),
    authed(E::PutState, Method::PUT, CLIENT, "rooms/{room}/state/{type}/{key}", H::put_state),
    authed(E::Send, Method::PUT, CLIENT, "rooms/{room}/send/{type}/{txn}", H::send),
    authed(E::Redact, Method::PUT, CLIENT, "rooms/{room}/redact/{event}/{txn}", H::redact),
    authed(E::SendToDevice, Method::PUT, CLIENT, "sendToDevice/{type}/{txn}", H::send_to_device),
    Route { endpoint: E::Sync, handler: Handler::Sync, method: Method::GET, prefixes: CLIENT, pattern: "sync" },
    authed(E::Messages, Method::GET, CLIENT, "rooms/{room}/messages", H::messages),
    authed(E::GetEvent, Method::GET, CLIENT, "rooms/{room}/event/{event}", H::get_event),
    authed(E::Receipt, Method::POST, CLIENT, "rooms/{room}/receipt/{kind}/{event}", H::receipt),
    authed(E::ReadMarkers, Method::POST, CLIENT, "rooms/{room}/read_markers", H::read_markers),
    authed(E::Typing, Method::PUT, CLIENT, "rooms/{room}/typing/{user}", H::typing),
    authed(E::Presence, Method::PUT, CLIENT, "presence/{user}/status", H::presence),
    open(E::Profile, Method::GET, CLIENT, "profile/{user}", H::profile),
    open(E::Profile, Method::GET, CLIENT, "profile/{user}/{field}", H::profile),
    authed(E::PutProfile, Method::PUT, CLIENT, "profile/{user}/{field}", H::put_profile),
    authed(E::CreateMedia, Method::POST, MEDIA_V1, "create", H::create_media),
    authed(E::Upload, Method::POST, MEDIA, "upload", H::upload),
    authed(E::Upload, Method::PUT, MEDIA, "upload/{server}/{media}", H::upload_to),
    authed(E::Download, Method::GET, CLIENT_V1, "media/download/{server}/{media}", H::download),
    authed(E::Download, Method::GET, CLIENT_V1, "media/download/{server}/{media}/{name}", H::download),
    authed(E::MediaConfig, Method::GET, CLIENT_V1, "media/config", H::media_config),
    authed(E::MediaConfig, Method::GET, MEDIA, "config", H::media_config),
    authed(E::PutFilter, Method::POST, CLIENT, "user/{user}/filter", H::put_filter),
    authed(E::Filter, Method::GET, CLIENT, "user/{user}/filter/{filter}", H::filter),
    authed(E::AccountData, Method::GET, CLIENT, "user/{user}/account_data/{type}", H::account_data),
    authed(E::PutAccountData, Method::PUT, CLIENT, "user/{user}/account_data/{type}", H::put_account_data),
    authed(E::AccountData, Method::GET, CLIENT, "user/{user}/rooms/{room}/account_data/{type}", H::account_data),
    authed(E::PutAccountData, Method::PUT, CLIENT, "user/{user}/rooms/{room}/account_data/{type}", H::put_account_data),
];

pub(crate) type Found = (Result<&'static Route, Miss>, BTreeMap<&'static str, String>);

pub(crate) fn find(method: &Method, path: &str) -> Found {
    let mut miss = Miss::Path;
    for route in ROUTES {
        let Some(arguments) = route.matches(path) else {
            continue;
        };
        if route.method == *method {
            return (Ok(route), arguments);
        }
        miss = Miss::Method;
    }
    (Err(miss), BTreeMap::new())
}

impl Route {
    fn matches(&self, path: &str) -> Option<BTreeMap<&'static str, String>> {
        let rest = self
            .prefixes
            .iter()
            .find_map(|prefix| path.strip_prefix(prefix))?;
        let mut arguments = BTreeMap::new();
        let mut parts = rest.split('/');
        for wanted in self.pattern.split('/') {
            let part = parts.next()?;
            match wanted
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(name) => drop(arguments.insert(name, percent_decode(part))),
                None if wanted == part => {}
                None => return None,
            }
        }
        // A state event with an empty key may end in a slash.
        parts.all(str::is_empty).then_some(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_argument_is_decoded_after_the_split() {
        let (route, arguments) = find(
            &Method::PUT,
            "/_matrix/client/v3/rooms/%21a%2Fb:c/send/m.room.message/x%2Fy%00",
        );

        assert_eq!(route.unwrap().endpoint, Endpoint::Send);
        assert_eq!(arguments["room"], "!a/b:c");
        assert_eq!(arguments["txn"], "x/y\0");
    }
}

//! From a method and a path to an endpoint: one table.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request};

use super::{auth::Who, endpoint::Endpoint, errors::ApiError, reply::Reply, state::Homeserver};

/// A request, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The route, or what is wrong with the path.
    pub(crate) route: Result<&'static Route, Miss>,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) arguments: BTreeMap<&'static str, String>,
    pub(crate) token: Option<String>,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// Why a request has no route.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Miss {
    Path,
    Method,
}

/// Answers one endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handler {
    /// Anyone may ask.
    Open(fn(&mut Homeserver, &Call) -> Result<Reply, ApiError>),
    /// Needs a token.
    Authed(fn(&mut Homeserver, &Call, &Who) -> Result<Reply, ApiError>),
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
    handler: fn(&mut Homeserver, &Call, &Who) -> Result<Reply, ApiError>,
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

impl Call {
    /// Takes `request` apart.
    pub(crate) fn read(request: &Request<Bytes>) -> Self {
        let path = request.uri().path();
        let mut query = parse_query(request.uri().query().unwrap_or_default());
        let in_query = query.remove("access_token");
        let header = |name| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let bearer = header(http::header::AUTHORIZATION).and_then(|v| v.strip_prefix("Bearer "));
        let (route, arguments) = find(request.method(), path);
        Self {
            route,
            method: request.method().clone(),
            path: path.to_owned(),
            query,
            arguments,
            token: bearer
                .map(str::to_owned)
                .or(in_query)
                .filter(|token| !token.is_empty()),
            content_type: header(http::header::CONTENT_TYPE)
                .unwrap_or_default()
                .to_owned(),
            body: request.body().clone(),
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.route.map_or(Endpoint::Unknown, |route| route.endpoint)
    }

    /// An argument in the path; empty where the route has none of that name.
    pub(crate) fn argument(&self, name: &str) -> &str {
        self.arguments.get(name).map_or("", String::as_str)
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The query as text, without the access token.
    pub(crate) fn query_without_token(request: &Request<Bytes>) -> String {
        let query = request.uri().query().unwrap_or_default();
        let kept: Vec<_> = query
            .split('&')
            .filter(|pair| !pair.starts_with("access_token="))
            .collect();
        kept.join("&")
    }
}

type Found = (Result<&'static Route, Miss>, BTreeMap<&'static str, String>);

fn find(method: &Method, path: &str) -> Found {
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

fn parse_query(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                percent_decode(name),
                percent_decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        // `from_str_radix` alone would take a sign.
        let hex = after
            .get(..2)
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|hex| str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if first == b'%' => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
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

    #[test]
    fn a_lone_percent_sign_stays() {
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%2%41"), "%2A");
    }

    #[test]
    fn a_query_knows_plus_and_flags() {
        let query = parse_query("a=1+2&b&c=%7B%7D");
        assert_eq!(query["a"], "1 2");
        assert_eq!(query["b"], "");
        assert_eq!(query["c"], "{}");
    }
}

//! Which limits a request falls under.

use super::{
    auth::Who,
    call::Call,
    config::{LimitClass, RateLimit},
    endpoint::Endpoint,
    errors::ApiError,
    json_check::request_object,
    limiter::Key,
    reply::Reply,
    route::AuthedHandler,
    state::Homeserver,
};

impl Homeserver {
    /// Lets `handler` answer, unless who calls may not, or not now.
    pub(crate) fn act_within_limits(
        &mut self,
        call: &Call,
        handler: AuthedHandler,
    ) -> Result<Reply, ApiError> {
        let who = self.authenticate(call)?;
        let limits = self.limits_of(call, &who);
        self.check_limits(&limits)?;
        let before = self.position;
        let reply = handler(self, call, &who)?;
        // Measured: only what was done is counted, not what was refused or done before.
        if self.position != before || call.endpoint() == Endpoint::PutProfile {
            self.count(limits);
        }
        Ok(reply)
    }

    /// Counts a login, if there may be one now.
    pub(crate) fn count_login(&mut self) -> Result<(), ApiError> {
        let key = (LimitClass::Logins, String::new());
        let limit = self.config.limits.get(&LimitClass::Logins);
        let limits: Vec<_> = limit.map(|limit| (*limit, key)).into_iter().collect();
        self.check_limits(&limits)?;
        self.count(limits);
        Ok(())
    }

    fn check_limits(&self, limits: &[(RateLimit, Key)]) -> Result<(), ApiError> {
        limits.iter().try_for_each(|(limit, key)| {
            let checked = self.limiter.check(*limit, key, self.now);
            checked.map_err(|wait| ApiError::limited(wait, limit.refusal_takes))
        })
    }

    fn count(&mut self, limits: Vec<(RateLimit, Key)>) {
        for (limit, key) in limits {
            self.limiter.count(limit, key, self.now);
        }
    }

    fn limits_of(&self, call: &Call, who: &Who) -> Vec<(RateLimit, Key)> {
        let is_free = self
            .users
            .get(&who.user)
            .is_some_and(|user| user.is_unlimited);
        // Measured: a known transaction id is answered even while limited.
        if !call.endpoint().is_limited() || is_free || self.known_transaction(call, who).is_some() {
            return Vec::new();
        }
        let own = |class| (class, who.user.clone());
        let more = match call.endpoint() {
            Endpoint::CreateRoom => Some(own(LimitClass::RoomCreations)),
            Endpoint::Join => Some(own(LimitClass::Joins)),
            Endpoint::Invite => {
                let body = request_object(&call.body).unwrap_or_default();
                let invited = body["user_id"].as_str().unwrap_or_default();
                Some((LimitClass::InvitesToUser, invited.to_owned()))
            }
            _ => None,
        };
        let keys = [Some(own(LimitClass::Writes)), more].into_iter().flatten();
        keys.filter_map(|key| Some((*self.config.limits.get(&key.0)?, key)))
            .collect()
    }
}

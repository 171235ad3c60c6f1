//! Synapse's memory of its last answers to `/sync`.

use std::{collections::BTreeMap, time::Duration};

use super::{auth::Who, call::Call};

/// How long an answer is given again (measured: Synapse's default).
const LIFETIME: Duration = Duration::from_secs(120);

/// Answers to syncs that told of something, by all that was asked.
///
/// Whoever asks the same once more within two minutes gets the same bytes: newer events
/// are not in them. Harmless for whoever goes on from their token.
#[derive(Debug, Default)]
pub(crate) struct SyncCache {
    answers: BTreeMap<Question, Known>,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Question {
    user: String,
    device: Option<String>,
    since: Option<String>,
    timeout: Option<String>,
    filter: Option<String>,
    full_state: bool,
}

#[derive(Debug)]
struct Known {
    at: Duration,
    body: Vec<u8>,
}

impl SyncCache {
    pub(crate) fn find(&self, call: &Call, who: &Who, now: Duration) -> Option<&[u8]> {
        let known = self.answers.get(&question(call, who))?;
        (now < known.at + LIFETIME).then_some(&*known.body)
    }

    pub(crate) fn remember(&mut self, call: &Call, who: &Who, body: &[u8], now: Duration) {
        self.answers.retain(|_, known| now < known.at + LIFETIME);
        let known = Known {
            at: now,
            body: body.to_vec(),
        };
        self.answers.insert(question(call, who), known);
    }

    pub(crate) fn clear(&mut self) {
        self.answers.clear();
    }
}

fn question(call: &Call, who: &Who) -> Question {
    let asked = |name| call.query(name).map(str::to_owned);
    Question {
        user: who.user.clone(),
        device: who.device.clone(),
        since: asked("since"),
        timeout: asked("timeout").filter(|timeout| timeout != "0"),
        filter: asked("filter"),
        full_state: call.query("full_state") == Some("true"),
    }
}

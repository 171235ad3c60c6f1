//! Tokens: places in the server's one stream, as `/sync` and `/messages` write them.

/// How many numbers a token of Synapse 1.163 has.
const MOST_FIELDS: usize = 14;

/// What a token says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StreamToken {
    /// `s…`: of `/sync`, good everywhere.
    Live(u64),
    /// `t…`: of `/messages`, good only there.
    Historic(u64),
}

impl StreamToken {
    /// Reads as generously as Synapse does (measured): later numbers may be missing, and
    /// negative or absurdly long ones are places like others.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('_');
        let room = fields.next()?;
        if fields.clone().count() >= MOST_FIELDS || !fields.all(is_number) {
            return None;
        }
        if let Some(number) = room.strip_prefix('s') {
            return position(number).map(Self::Live);
        }
        let number = room.strip_prefix('t')?;
        let (_depth, number) = number.rsplit_once('-').unwrap_or(("", number));
        position(number).map(Self::Historic)
    }

    pub(crate) const fn position(self) -> u64 {
        match self {
            Self::Live(position) | Self::Historic(position) => position,
        }
    }
}

impl std::fmt::Display for StreamToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Live(position) => write!(f, "s{position}"),
            Self::Historic(position) => write!(f, "t{position}"),
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn position(text: &str) -> Option<u64> {
    if !is_number(text) {
        return None;
    }
    if text.starts_with('-') {
        return Some(0);
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_generously() {
        let live = |text| StreamToken::parse(text).map(StreamToken::position);

        assert_eq!(live("s51_2_0_1_1_1_1_2_0_1_1_1_1_1"), Some(51));
        assert_eq!(live("s51_2"), Some(51));
        assert_eq!(live("s-5"), Some(0));
        assert_eq!(live("s99999999999999999999999"), Some(u64::MAX));
        assert_eq!(live("t50-51_2"), Some(51));
    }

    #[test]
    fn what_has_no_numbers_or_too_many_is_no_token() {
        let wrong = [
            "",
            "garbage",
            "s",
            "s_",
            "x5",
            "s1_x",
            "s1_",
            "s 1",
            "s51_2_0_1_1_1_1_2_0_1_1_1_1_1_1",
        ];

        assert!(wrong.iter().all(|text| StreamToken::parse(text).is_none()));
    }
}

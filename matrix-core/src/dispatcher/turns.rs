//! Whose turn it is: lanes that wait for their first, or for another.

/// Halves what is claimed: one half is for lanes that wait for their first turn, so that
/// a new conversation does not wait for a round through all that an outage has left
/// behind; the other for whoever waits longest, so that nobody waits for good.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Whether the odd lane goes to a newcomer.
    is_odd_new: bool,
}

impl Turns {
    /// How many of the next `lanes` are for newcomers.
    pub(super) const fn newcomers(&mut self, lanes: usize) -> usize {
        let half = lanes / 2;
        if lanes.is_multiple_of(2) {
            return half;
        }
        self.is_odd_new = !self.is_odd_new;
        half + self.is_odd_new as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_kind_gets_half_also_of_one_lane_at_a_time() {
        let mut turns = Turns::default();
        assert_eq!(
            [1, 1, 1, 1].map(|lanes| turns.newcomers(lanes)),
            [1, 0, 1, 0]
        );
        assert_eq!([32, 32].map(|lanes| turns.newcomers(lanes)), [16, 16]);
        assert_eq!([3, 8, 3].map(|lanes| turns.newcomers(lanes)), [2, 4, 1]);
    }
}

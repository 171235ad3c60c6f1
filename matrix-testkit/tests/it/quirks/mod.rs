//! What was measured on a real Synapse and is not obvious, shown on the model and on the real thing.
//!
//! Each quirk is written once, over requests alone. Its test under `model` runs on the testkit's homeserver, and
//! the one of the same name under `synapse`, with the feature `real-server`, on a Synapse. So the model cannot
//! drift from what it stands for, and a new release of Synapse that behaves otherwise is told by name.

mod history;
mod limits;
#[cfg(feature = "real-server")]
mod real;
mod refusals;
mod syncing;
mod tokens;
mod transactions;
mod world;

use self::world::{Needs, World};

/// Lists the quirks: module, name, and what the server must be able to do.
macro_rules! quirks {
    ($($theme:ident { $($name:ident on $needs:ident,)* })*) => {
        mod model {
            use super::{Needs, World};

            $($(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    super::$theme::$name(&mut World::model(Needs::$needs)).await;
                }
            )*)*
        }

        #[cfg(feature = "real-server")]
        mod synapse {
            use super::{Needs, World};

            $($(
                #[tokio::test]
                async fn $name() {
                    super::$theme::$name(&mut World::synapse(stringify!($name), Needs::$needs).await).await;
                }
            )*)*
        }
    };
}

quirks! {
    history {
        only_the_page_after_the_last_event_has_no_end on Anything,
        a_walk_from_nothing_goes_forth_unless_told_otherwise on Anything,
        a_gap_is_filled_with_each_event_once on Anything,
        the_walk_back_from_a_first_sync_that_is_not_cut_gives_its_events_again on Anything,
        odd_limits_and_places_of_a_walk on Anything,
        only_the_sending_device_is_told_the_transaction_id on Anything,
        hidden_history_leaves_empty_pages_with_an_end on Anything,
        purged_history_is_gone_from_walks_and_syncs on ItsOwn,
        who_left_walks_back_from_there_and_forth_to_the_end on Anything,
    }

    syncing {
        a_token_that_is_none_is_refused on Anything,
        a_token_that_was_cut_replays on Anything,
        a_token_from_the_future_gives_nothing_and_an_earlier_one on Anything,
        a_token_of_somebody_else_is_good on Anything,
        the_same_question_gets_the_same_answer_for_two_minutes on Anything,
        a_timeline_has_at_most_100_events on Anything,
        a_timeline_is_limited_by_the_eleventh_event on Anything,
        a_first_sync_with_a_limit_of_1 on Anything,
        a_room_that_was_joined_is_limited_and_has_its_past on Anything,
        a_server_restored_from_a_backup_gives_its_places_out_again on ItsOwn,
    }
    transactions {
        a_used_transaction_id_answers_for_every_endpoint_and_does_nothing on Anything,
        another_room_device_or_user_has_transaction_ids_of_its_own on Anything,
        a_new_login_on_the_device_keeps_its_transaction_ids on Anything,
        twenty_at_once_under_one_id_are_one_event on Anything,
        who_was_thrown_out_is_still_answered_under_a_known_id on Anything,
        odd_transaction_ids_are_ids_and_an_empty_one_breaks on Anything,
        a_restart_keeps_transaction_ids_only_with_a_device on ItsOwn,
    }
    refusals {
        a_body_is_refused_for_what_is_wrong_with_it on Anything,
        an_event_has_at_most_64_kib on Anything,
        state_sent_as_a_message_breaks_the_server on Anything,
        who_is_not_in_a_room_is_told_the_same_for_every_reason on Anything,
        too_little_power_is_told_with_both_levels on Anything,
        a_replaced_room_still_takes_what_its_creator_sends on Anything,
        the_same_state_again_is_no_new_event on Anything,
        a_dead_token_says_whether_a_refresh_helps on Anything,
        to_device_events_may_be_no_canonical_json on Anything,
    }
    tokens {
        a_refresh_keeps_the_device_and_its_transaction_ids on Anything,
        a_refresh_token_is_good_until_what_it_gave_is_used on Anything,
        an_expired_token_asks_for_a_refresh on ShortTokens,
    }
    limits {
        all_writes_of_a_user_share_one_bucket on Limits,
        what_is_known_or_small_is_answered_while_limited on Limits,
        a_refused_write_uses_nothing_up on Limits,
        the_wait_that_is_told_is_enough on Limits,
        the_sixth_place_for_media_waits_a_day_and_text_goes_on on Limits,
        the_sixth_invite_of_a_user_waits_for_minutes on Limits,
    }
}

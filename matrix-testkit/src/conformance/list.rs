//! The one list of cases, and what is made of it.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use super::StoreFactory;

/// Names every case of the [suite](crate::conformance) as a test.
///
/// Takes an expression that makes a [`StoreFactory`];
/// it is evaluated for each test. The tests run on `tokio`, which the calling crate
/// needs with its feature `macros`.
///
/// ```
/// use matrix_bridge_testkit::{conformance::InMemory, store_conformance};
///
/// store_conformance!(InMemory::default());
/// ```
#[macro_export]
macro_rules! store_conformance {
    ($factory:expr) => {
        $crate::for_each_store_case!(name_store_cases[$factory]);
    };
}

/// Calls a macro of this crate with `arguments` and the cases.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_store_case {
    ($then:ident [$($arguments:tt)*]) => {
        $crate::$then! {
            [$($arguments)*]
            commit::a_new_source_has_no_position,
            commit::each_source_commit_counts_one_generation,
            commit::other_commits_do_not_move_a_source,
            commit::an_applied_batch_writes_every_field,
            commit::a_stale_batch_writes_nothing,
            commit::a_batch_from_a_later_generation_is_stale,
            commit::a_batch_under_a_lost_lease_writes_nothing,
            commit::a_batch_under_no_lease_writes_nothing,
            commit::a_lease_that_nobody_took_over_still_commits,
            commit::a_batch_about_a_settled_inbox_event_writes_nothing,
            commit::a_batch_about_one_missing_inbox_event_settles_none,
            commit::inbox_events_of_another_account_cannot_be_settled,
            commit::the_first_reason_for_staleness_is_told,
            commit::a_large_batch_is_one_commit,
            commit::accounts_share_sources_values_and_keys,
            commit::parked_events_are_checked_last,
            commit::an_inbox_event_of_another_account_cannot_be_put_off,
            mark::marks_are_told_in_the_order_asked,
            mark::marks_belong_to_one_account,
            mark::setting_a_mark_again_changes_nothing,
            mark::the_last_event_of_a_room_counts_as_seen,
            mark::a_former_last_event_counts_no_more,
            room::facts_are_told_in_the_order_asked,
            room::newer_facts_replace_older_ones_in_full,
            room::the_last_facts_of_a_batch_hold,
            room::facts_belong_to_one_account,
            room::rooms_are_listed_page_by_page,
            room::encrypted_rooms_are_counted,
            value::values_are_told_in_the_order_asked,
            value::values_are_replaced_and_removed,
            value::the_last_change_of_a_batch_holds,
            value::an_empty_value_is_not_a_missing_one,
            value::namespaces_do_not_touch,
            inbox::inbox_events_keep_their_order,
            inbox::inbox_events_come_back_whole,
            inbox::a_settled_inbox_event_is_gone,
            inbox::an_inbox_event_that_is_put_off_keeps_its_place,
            inbox::inbox_lanes_are_listed_page_by_page,
            inbox::an_empty_inbox_has_no_lane,
            inbox::inboxes_belong_to_one_account,
            inbox::inbox_ids_are_not_used_again,
            gap::gaps_come_back_whole,
            gap::what_fills_a_gap_stands_right_behind_it,
            gap::a_started_fill_survives_a_reopening,
            gap::a_gap_is_an_entry_like_others,
            gap::only_the_first_entry_of_a_room_is_filled,
            gap::a_fill_of_no_gap_writes_nothing,
            gap::a_batch_names_a_gap_once,
            gap::gaps_of_two_rooms_are_filled_at_once,
            gap::inbox_lanes_count_gaps,
            parked::parked_events_are_told_newest_first,
            parked::parked_events_are_told_page_by_page,
            parked::a_decided_event_is_parked_no_more,
            parked::a_parked_event_goes_back_to_the_inbox_in_one_commit,
            parked::a_batch_about_a_decided_event_writes_nothing,
            parked::parked_events_of_another_account_cannot_be_decided,
            parked::parked_event_ids_are_not_used_again,
            enqueue::rows_come_back_whole,
            enqueue::every_action_comes_back,
            enqueue::actions_about_rows_come_back,
            enqueue::every_kind_of_row_comes_back,
            enqueue::row_ids_are_not_used_again,
            enqueue::a_key_that_is_there_is_left_as_it_is,
            enqueue::a_key_twice_in_a_batch_is_one_row,
            enqueue::a_new_row_beside_a_known_one_is_taken,
            enqueue::a_shadow_row_is_never_claimed,
            enqueue::a_row_parked_from_the_start_is_never_claimed,
            claim::a_lane_keeps_its_order,
            claim::a_claim_takes_the_first_rows_of_a_lane,
            claim::a_claimed_lane_is_not_claimed_again,
            claim::a_waiting_head_holds_back_its_lane_only,
            claim::a_run_ends_before_a_row_that_is_not_due,
            claim::a_run_is_of_one_sender_and_class,
            claim::lanes_of_paused_senders_are_passed_over,
            claim::lanes_that_became_due_first_come_first,
            claim::claim_tokens_only_grow,
            claim::the_first_attempt_is_written_once,
            claim::a_claim_of_no_rows_takes_nothing,
            claim::the_largest_limits_are_no_error,
            expiry::a_claim_that_ran_out_can_be_taken_over,
            expiry::an_old_token_settles_nothing,
            expiry::a_late_settlement_counts_until_the_claim_is_taken_over,
            expiry::a_new_claim_ends_the_former_one_for_the_whole_lane,
            expiry::a_lane_is_free_when_its_whole_run_is_settled,
            expiry::the_next_due_time_is_that_of_the_first_lane,
            settle::a_sent_row_is_kept_as_a_record,
            settle::a_retry_waits_at_its_place,
            settle::a_retry_is_counted_if_it_says_so,
            settle::a_released_row_is_as_it_was,
            settle::a_released_row_keeps_an_earlier_first_attempt,
            settle::an_amended_action_is_kept,
            settle::settlements_are_written_in_their_order,
            settle::lost_rows_do_not_spoil_the_others,
            settle::a_settled_row_cannot_be_settled_again,
            settle::a_row_settled_as_shadow_is_recorded,
            settle::a_parked_row_lets_its_lane_go_on,
            settle::one_call_settles_a_row_step_by_step,
            settle::a_row_that_makes_no_event_links_nothing,
            person::a_requeued_row_comes_back_to_its_place,
            person::a_requeued_row_waits_for_the_claim_of_its_lane,
            person::only_parked_rows_are_requeued_or_discarded,
            person::a_discarded_row_is_gone,
            person::rows_are_listed_page_by_page,
            person::the_depth_counts_what_is_open,
            person::rows_are_found_by_their_keys,
            person::parked_rows_are_counted_by_reason,
            person::every_reason_comes_back_in_order,
            replace::a_replacing_row_takes_the_place,
            replace::a_replaced_row_is_gone,
            replace::what_cannot_be_replaced_stays,
            replace::a_replacing_row_may_not_be_for_sending,
            replace::a_replacing_row_waits_for_the_claim_of_its_lane,
            block::a_blocking_row_holds_back_the_rows_behind_it,
            block::a_row_that_does_not_block_holds_back_none,
            block::a_row_parked_from_the_start_blocks,
            block::rows_before_a_blocking_row_go_on,
            block::a_decision_lets_the_lane_go_on,
            block::each_blocking_row_needs_its_own_decision,
            block::a_blocked_lane_keeps_the_times_of_its_rows,
            turn::every_lane_has_its_turn,
            turn::a_lane_whose_rows_come_back_had_its_turn,
            turn::a_lane_whose_claim_ran_out_had_its_turn,
            turn::turns_of_one_time_are_in_the_order_of_rows,
            turn::newcomers_come_first_where_asked,
            turn::newcomers_leave_room_for_the_others,
            turn::a_newcomer_is_new_until_its_first_turn,
            outcome::outcomes_are_told_in_their_order,
            outcome::outcomes_are_read_without_a_gap,
            outcome::cursors_are_not_used_again,
            outcome::a_sent_row_is_linked_both_ways,
            outcome::links_are_told_apart_by_every_part,
            outcome::a_newer_link_replaces_an_older_one,
            lease::a_lease_has_one_holder,
            lease::a_renewed_lease_keeps_its_fence,
            lease::a_lease_that_ran_out_changes_hands,
            lease::a_late_holder_gets_a_new_fence,
            lease::a_released_lease_is_free,
            lease::an_old_fence_releases_nothing,
            lease::leases_are_told_apart_by_name,
            lease::fences_grow_over_a_restart,
            lease::a_lease_runs_from_its_last_renewal,
            prune::nothing_is_pruned_without_limits,
            prune::old_marks_are_forgotten,
            prune::a_mark_set_again_keeps_its_age,
            prune::marks_beyond_the_count_are_forgotten,
            prune::the_mark_of_a_rooms_last_event_stays,
            prune::last_events_keep_marks_of_their_account_only,
            prune::old_records_are_forgotten,
            prune::records_beyond_the_count_are_forgotten,
            prune::open_work_is_never_pruned,
            prune::parked_events_beyond_the_count_are_forgotten,
            prune::parked_rows_beyond_the_count_are_forgotten,
            prune::parked_rows_that_block_are_not_forgotten,
            prune::a_pruned_row_frees_its_key_and_keeps_its_link,
            limit::counts_are_of_the_whole_store,
            limit::pruning_says_when_there_is_more,
            durable::everything_survives_a_reopening,
            durable::claimed_rows_survive_a_reopening,
            durable::generations_survive_a_reopening,
            durable::stores_of_two_names_share_nothing,
            durable::a_closed_store_answers_nothing,
            hostile::hostile_text_in_values_survives,
            hostile::hostile_accounts_and_sources_are_told_apart,
            hostile::hostile_text_in_rows_survives,
            hostile::hostile_reasons_survive,
            hostile::hostile_leases_are_told_apart,
            hostile::hostile_json_survives,
            hostile::times_far_ahead_survive,
            concurrent::commits_of_one_source_exclude_each_other,
            concurrent::rows_are_handed_out_once,
            concurrent::one_of_many_gets_the_lease,
            concurrent::an_inbox_event_is_settled_once,
            concurrent::commits_of_many_sources_all_go_through,
            at_once::everything_at_once_loses_nothing,
            at_once::closing_waits_for_what_runs,
            beside::what_one_commits_the_other_reads,
            beside::what_one_prunes_is_gone_for_the_other,
            beside::a_commit_through_one_makes_the_other_stale,
            race::two_that_move_a_source_exclude_each_other,
            beside::a_lease_is_held_by_one_of_two,
            beside::rows_of_one_are_claimed_by_the_other,
            beside::a_claim_is_taken_over_by_the_other,
            beside::what_one_decides_holds_for_the_other,
            race::an_inbox_event_is_settled_by_one_of_two,
            race::a_key_of_both_is_one_row,
            race::rows_of_both_keep_the_order_of_their_ids,
            race::two_that_claim_get_different_lanes,
            race::two_that_send_share_the_lanes,
            race::outcomes_of_both_are_read_without_a_gap,
            beside::one_goes_on_when_the_other_is_closed,
            random::a_random_run_agrees_with_the_model,
        }
    };
}

/// One test per case.
#[doc(hidden)]
#[macro_export]
macro_rules! name_store_cases {
    ([$factory:expr] $($theme:ident::$case:ident,)*) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::conformance::$theme::$case(&$factory).await;
            }
        )*
    };
}

/// One entry of the table per case.
#[doc(hidden)]
#[macro_export]
macro_rules! tabulate_store_cases {
    ([] $($theme:ident::$case:ident,)*) => {
        &[$(Case {
            name: stringify!($case),
            run: |factory| Box::pin(super::$theme::$case(factory)),
        },)*]
    };
}

/// A case that runs.
pub type CaseFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A case of the suite.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it claims.
    pub name: &'static str,
    /// Runs it; it panics when the store is wrong.
    pub run: for<'a> fn(&'a dyn StoreFactory) -> CaseFuture<'a>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All cases, for runners of one's own.
pub const CASES: &[Case] = crate::for_each_store_case!(tabulate_store_cases []);

/// Runs every case on a store of its own, and names those that the store fails.
///
/// For judging the suite rather than a store: it does not say what went wrong. A case
/// fails by a panic, which is told on standard error as panics are.
pub async fn failing_cases(factory: impl Fn() -> Arc<dyn StoreFactory>) -> Vec<&'static str> {
    let mut failing = Vec::new();
    for case in CASES {
        let factory = factory();
        let run = tokio::spawn(async move { (case.run)(&*factory).await });
        if run.await.is_err() {
            failing.push(case.name);
        }
    }
    failing
}

//! One suite over every engine, through the public handles only.
//!
//! A third engine joins as one line below, with a type that starts its name service; if its
//! connections can be cut and its name service restarted, as a line of the second list, too.
//!
//! What it catches was tried by putting bugs back, each of which failed the case named for it: the
//! grace not waited (R1), a refused port not believed (R3), no wait after a warm start (R12), a
//! lease as long as two, a component not withdrawn or not forgotten by its watchers, a resignation
//! before the callbacks have returned, close from inside a callback left to others, stalls not
//! noticed (R9), and a revoke without its own reason.
//!
//! Events are awaited, never slept for. What a test is about is named by the promise (P3), rule
//! (R12) or lesson (lesson 38) in the comment above it.

#![allow(clippy::unwrap_used)]

mod attach;
mod callbacks;
mod close;
mod elections;
mod engine;
mod faults;
mod process;
mod proxy;
mod reasons;
mod restarts;
mod retrieval;
mod stalls;
mod status;
mod store;
mod store_faults;

/// Every case over every engine; then the cases that need faults over engines that can have them.
macro_rules! suite {
    ($($engine:ident => $start:expr),+ ; cases $cases:tt) => {
        $(mod $engine { suite!(@tests $start, $cases); })+
    };
    (@tests $start:expr, { $($module:ident: $($case:ident),+ ;)+ }) => {
        $(mod $module {
            $(#[test]
            fn $case() {
                crate::$module::$case(&$start);
            })+
        })+
    };
}

suite! {
    embedded => crate::engine::Embedded::start(),
    leader_server => crate::engine::Remote::start(),
    durable_leader_server => crate::engine::Remote::start_durable();
    cases {
        elections: grant_confirm_watch_withdraw_close, hand_over_at_once_after_close,
            candidates_are_granted_in_line, one_leader_and_rising_epochs_under_churn,
            components_share_one_candidate, per_component_elections_are_independent,
            nothing_crosses_a_namespace, a_component_registers_again_in_the_same_term,
            confirmations_are_judged, an_operator_hands_over;
        callbacks: a_second_contender_is_refused_and_changes_nothing,
            a_blocked_contender_delays_nobody, what_came_and_went_is_skipped,
            names_are_checked;
        close: close_inside_a_callback_revokes_there, close_does_not_wait_for_a_callback,
            close_from_several_threads_revokes_once, a_closed_client_leads_and_tells_nothing,
            clients_close_from_several_threads, a_dropped_contender_gives_up;
        retrieval: no_leader_is_told_first_of_all, a_late_watch_is_told_the_present_value,
            the_last_of_many_changes_is_never_lost, long_and_odd_addresses_are_carried,
            a_stopped_watch_silences_no_other, a_resignation_is_told;
        stalls: a_process_that_fetches_no_events_loses_leadership, other_calls_are_no_pulse;
        reasons: revokes_name_their_reason, another_mode_is_refused_naming_the_key;
        status: status_tells_what_there_is, state_tells_where_the_client_stands;
        store: a_leader_writes_and_reads, large_values_are_carried,
            transactions_are_all_or_nothing, a_former_leader_writes_until_the_next_is_granted,
            a_store_never_picks_up_a_later_epoch, explicit_epochs_must_all_hold,
            writers_on_many_threads_do_not_lose_each_other,
            keys_outlive_sessions_and_cross_no_namespace,
            an_observer_is_told_to_name_a_namespace;
    }
}

suite! {
    leader_server_faults => crate::engine::Remote::start();
    cases {
        faults: a_killed_process_costs_the_grace, a_silent_process_costs_its_time_out,
            a_cut_direct_connection_costs_no_callback, a_cut_proxied_connection_costs_no_callback,
            a_disconnection_of_seconds_costs_no_callback,
            a_retriever_keeps_its_value_for_the_retrieval_timeout,
            leadership_is_lost_and_regained_for_ever, whoever_comes_before_the_server_waits;
        restarts: a_restarted_server_is_a_new_incarnation, a_warm_start_waits_before_it_grants,
            a_server_that_is_down_costs_no_leadership_before_the_lease,
            who_was_superseded_is_told_by_whom, another_namespace_is_refused;
        store_faults: a_write_whose_reply_is_lost_is_applied_once,
            unsent_and_unanswered_are_told_apart, another_incarnation_takes_no_former_epoch;
    }
}

suite! {
    durable_leader_server_faults => crate::engine::Remote::start_durable();
    cases {
        faults: a_killed_process_costs_the_grace, a_silent_process_costs_its_time_out,
            a_cut_direct_connection_costs_no_callback, a_cut_proxied_connection_costs_no_callback,
            leadership_is_lost_and_regained_for_ever;
        restarts: a_server_that_is_down_costs_no_leadership_before_the_lease,
            another_namespace_is_refused;
        store_faults: a_write_whose_reply_is_lost_is_applied_once,
            unsent_and_unanswered_are_told_apart;
    }
}

/// No test: the process that [`faults::a_killed_process_costs_the_grace`] starts and kills.
#[test]
fn child_candidate() {
    faults::child_candidate();
}

//! What every back end promises: one claim each, run for all of them through `dyn Store`. Beside it, what one of them
//! promises alone.

mod claims;
mod collection;
mod crash;
mod equality;
mod fixture;
mod payloads;
mod sqlite;
mod watched;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use telerad_store::memory::MemoryStore;
use telerad_store::sqlite::{SqliteOptions, SqliteStore};
use telerad_store::{Store, SyncFault};

/// An empty store, and a way to make its syncs fail.
pub(crate) struct Given {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) syncs_fail: Arc<AtomicBool>,
}

fn fault() -> (SyncFault, Arc<AtomicBool>) {
    let syncs_fail = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&syncs_fail);
    let fault = SyncFault::new(move |_| {
        if asked.load(Ordering::SeqCst) { Err(io::Error::other("disk refused")) } else { Ok(()) }
    });
    (fault, syncs_fail)
}

macro_rules! conformance {
    ($($claim:ident)*) => {
        mod in_memory { $(
            #[test]
            fn $claim() {
                let (fault, syncs_fail) = super::fault();
                let store = super::Arc::new(super::MemoryStore::with_sync_fault(fault));
                let given = super::Given { store, syncs_fail };
                super::fixture::block_on(super::claims::$claim(given));
            }
        )* }

        mod in_sqlite { $(
            #[test]
            fn $claim() {
                let (fault, syncs_fail) = super::fault();
                let directory = tempfile::tempdir().unwrap();
                let mut options = super::SqliteOptions::default();
                options.sync_fault = fault;
                let store = super::SqliteStore::open(directory.path(), options).unwrap();
                let given = super::Given { store: super::Arc::new(store), syncs_fail };
                super::fixture::block_on(super::claims::$claim(given));
            }
        )* }
    };
}

conformance! {
    a_batch_is_written_whole_or_not_at_all
    a_conflict_takes_no_other_batch_with_it
    a_commit_whose_sync_fails_is_never_acknowledged
    later_effects_of_a_batch_see_earlier_ones
    an_order_is_written_only_at_the_revision_it_was_read_at
    patients_studies_and_reports_have_revisions_too
    a_performed_step_is_found_by_study_by_order_and_while_it_goes_on
    orders_are_found_by_their_present_keys
    open_orders_are_chosen_by_day_and_never_missed_for_want_of_one
    a_patient_is_found_by_each_identifier_exactly
    a_patient_and_its_orders_are_found_by_the_value_of_an_identifier
    a_patient_without_identifier_cannot_be_kept
    an_instance_is_kept_once_and_its_versions_in_order
    expectations_about_instances_and_studies_hold_or_fail_the_batch
    a_study_is_found_by_one_instance_for_each_patient_in_it
    what_was_sent_is_never_written_over
    another_version_never_takes_the_place_of_a_delivery
    deliveries_are_due_by_urgency_then_age
    a_delivery_waits_until_its_time
    deliveries_are_counted_by_state
    a_lane_is_left_in_the_order_of_the_times
    every_source_has_a_queue_of_its_own
    a_lane_is_pending_while_anything_in_it_is
    studies_with_something_pending_are_told_page_by_page
    every_delivery_of_an_instance_is_found
    breakers_and_members_are_written_over
    outbound_messages_keep_the_order_of_their_sequence
    a_sequence_goes_as_urgently_as_its_most_urgent_message
    a_pending_message_is_raised_and_never_lowered
    joined_sequences_keep_the_order_in_which_they_were_queued
    tries_without_an_answer_and_the_last_answer_are_kept
    an_answered_message_is_never_written_over
    the_bytes_of_a_message_never_change
    the_last_message_under_a_control_id_is_found
    an_item_is_unparked_once
    parked_items_are_told_page_by_page_and_by_what_they_are_about
    the_journal_keeps_its_order
    examinations_are_found_by_number_name_and_uid
    an_examination_has_one_timeline
    what_came_twice_is_one_finding_for_each_study
    a_site_never_sees_another
}

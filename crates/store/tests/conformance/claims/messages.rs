//! Messages in and out, parked items, the journal.

use telerad_core::Priority;
use telerad_store::{
    Batch, Effect, MessageOutcome, OutboundState, ParkedItem, Receipt, Unanswered,
};

use crate::Given;
use crate::fixture::*;

pub(crate) async fn outbound_messages_keep_the_order_of_their_sequence(Given { store, .. }: Given) {
    let due = async |now| {
        let found = store.outbound_due("ris", at(now), 9).await.unwrap();
        found.into_iter().map(|message| message.id).collect::<Vec<_>>()
    };
    let mut late = outbound("b1", "B", 3);
    late.not_before = at(60);
    let mut elsewhere = outbound("x", "A", 0);
    elsewhere.destination = "other".to_owned();
    let batch: Batch = [
        outbound("a2", "A", 7),
        outbound("a1", "A", 5),
        late.clone(),
        outbound("b2", "B", 4),
        outbound("c2", "C", 6),
        outbound("c1", "C", 6),
        elsewhere,
    ]
    .into_iter()
    .map(Effect::Outbound)
    .collect();
    store.commit(batch).await.unwrap();
    // b2 may not overtake b1, which waits; of equal times, the one that was queued first goes first.
    assert_eq!(due(10).await, ["a1", "c2"]);
    assert_eq!(due(60).await, ["a1", "c2", "b1"]);
    assert_eq!(store.outbound_due("ris", at(60), 1).await.unwrap(), [outbound("a1", "A", 5)]);
    assert_eq!(store.next_outbound_due("ris").await.unwrap(), Some(at(0)));
    assert_eq!(store.outbound_destinations().await.unwrap(), ["other", "ris"]);

    let answered = OutboundState::Answered { code: "AA".to_owned(), at: at(11) };
    let set_aside = OutboundState::SetAside { reason: "AR".to_owned() };
    let settle = |message: telerad_store::OutboundMessage, state: &OutboundState| {
        let message = telerad_store::OutboundMessage { state: state.clone(), ..message };
        store.commit(Batch::new().with(Effect::Outbound(message)))
    };
    settle(outbound("a1", "A", 5), &answered).await.unwrap();
    settle(outbound("c2", "C", 6), &set_aside).await.unwrap();
    assert_eq!(due(10).await, ["c1", "a2"]);
    settle(outbound("c1", "C", 6), &answered).await.unwrap();
    settle(outbound("a2", "A", 7), &answered).await.unwrap();
    assert_eq!(store.next_outbound_due("ris").await.unwrap(), Some(at(60)));
    settle(late, &answered).await.unwrap();
    settle(outbound("b2", "B", 4), &answered).await.unwrap();
    assert_eq!(store.next_outbound_due("ris").await.unwrap(), None);
    assert_eq!(store.outbound_destinations().await.unwrap(), ["other"]);
    assert_eq!(store.outbound("c2").await.unwrap().unwrap().state, set_aside);
}

pub(crate) async fn a_sequence_goes_as_urgently_as_its_most_urgent_message(
    Given { store, .. }: Given,
) {
    let put = |message| store.commit(Batch::new().with(Effect::Outbound(message)));
    let with = |id, sequence, queued_at, priority| {
        let message = outbound(id, sequence, queued_at);
        telerad_store::OutboundMessage { priority, ..message }
    };
    let due = async || {
        let found = store.outbound_due("ris", at(10), 9).await.unwrap();
        found.into_iter().map(|message| message.id).collect::<Vec<_>>()
    };
    put(with("a1", "A", 1, Priority::Low)).await.unwrap();
    put(with("b1", "B", 2, Priority::Routine)).await.unwrap();
    put(with("c1", "C", 3, Priority::High)).await.unwrap();
    assert_eq!(due().await, ["c1", "b1", "a1"]);
    // What is urgent moves up everything of its order that is before it, and overtakes none of it.
    let urgent = with("a2", "A", 4, Priority::Stat);
    put(urgent.clone()).await.unwrap();
    assert_eq!(due().await, ["a1", "c1", "b1"]);
    assert_eq!(store.outbound("a1").await.unwrap().unwrap().priority, Priority::Low);
    // Once it is through, the rest of its order is as urgent as it ever was.
    let set_aside = OutboundState::SetAside { reason: "AR".to_owned() };
    put(telerad_store::OutboundMessage { state: set_aside, ..urgent }).await.unwrap();
    assert_eq!(due().await, ["c1", "b1", "a1"]);
    // It comes back to its place.
    put(with("a2", "A", 4, Priority::Stat)).await.unwrap();
    assert_eq!(due().await, ["a1", "c1", "b1"]);
    let waits =
        telerad_store::OutboundMessage { not_before: at(60), ..with("a1", "A", 1, Priority::Low) };
    put(waits).await.unwrap();
    assert_eq!(due().await, ["c1", "b1"]);
    assert_eq!(store.next_outbound_due("ris").await.unwrap(), Some(at(0)));
}

pub(crate) async fn joined_sequences_keep_the_order_in_which_they_were_queued(
    Given { store, .. }: Given,
) {
    let join = |from: &str, into: &str| {
        let (site, sequence, into) = (site("north"), from.to_owned(), into.to_owned());
        store.commit(Batch::new().with(Effect::JoinOutbound { site, sequence, into }))
    };
    let due = async || {
        let found = store.outbound_due("ris", at(10), 9).await.unwrap();
        found.into_iter().map(|message| message.id).collect::<Vec<_>>()
    };
    let mut answered = outbound("a0", "A", 0);
    answered.state = OutboundState::Answered { code: "AA".to_owned(), at: at(2) };
    let mut of_other_site = outbound("y", "A", 9);
    of_other_site.site = site("south");
    let mut elsewhere = outbound("x", "A", 0);
    elsewhere.destination = "other".to_owned();
    let urgent =
        telerad_store::OutboundMessage { priority: Priority::Stat, ..outbound("a3", "A", 3) };
    let all = [answered, outbound("a1", "A", 1), urgent, outbound("b2", "B", 2)];
    let all = all.into_iter().chain([of_other_site, elsewhere]);
    store.commit(all.map(Effect::Outbound).collect()).await.unwrap();
    assert_eq!(due().await, ["a1", "b2", "y"]);
    let changed = |changed| Receipt { changed, unchanged: 1 - changed };
    assert_eq!(join("A", "A").await.unwrap(), changed(0));
    assert_eq!(join("A", "B").await.unwrap(), changed(1));
    assert_eq!(join("A", "B").await.unwrap(), changed(0));
    assert_eq!(due().await, ["a1", "y"]);
    // Whoever sends it had read it before.
    let passed = OutboundState::SetAside { reason: "AE".to_owned() };
    let passed = telerad_store::OutboundMessage { state: passed, ..outbound("a1", "A", 1) };
    store.commit(Batch::new().with(Effect::Outbound(passed))).await.unwrap();
    assert_eq!(due().await, ["b2", "y"]);
    let ids = async |sequence| {
        let found = store.outbound_of(&site("north"), sequence).await.unwrap();
        found.into_iter().map(|message| message.id).collect::<Vec<_>>()
    };
    assert_eq!((ids("A").await, ids("B").await.len()), (vec!["a0".to_owned()], 4));
    let about = store.outbound_about(&site("north"), "A").await.unwrap();
    let about: Vec<_> = about.iter().map(|message| &*message.id).collect();
    assert_eq!(about, ["a0", "a1", "a3", "x"]);
    assert_eq!(store.outbound_receivers(&site("north"), "A").await.unwrap(), ["ris"]);
    assert_eq!(store.outbound_receivers(&site("north"), "B").await.unwrap(), ["other", "ris"]);
}

pub(crate) async fn a_pending_message_is_raised_and_never_lowered(Given { store, .. }: Given) {
    let raise = |sequence: &str, priority| {
        let (site, sequence) = (site("north"), sequence.to_owned());
        store.commit(Batch::new().with(Effect::RaiseOutbound { site, sequence, priority }))
    };
    let mut elsewhere = outbound("x", "A", 0);
    elsewhere.destination = "other".to_owned();
    let mut of_other_site = outbound("y", "A", 0);
    of_other_site.site = site("south");
    let mut answered = outbound("z", "A", 0);
    answered.state = OutboundState::Answered { code: "AA".to_owned(), at: at(2) };
    let all = [outbound("a", "A", 1), outbound("b", "B", 2), elsewhere, of_other_site, answered];
    store.commit(all.into_iter().map(Effect::Outbound).collect()).await.unwrap();
    let changed = |changed| Receipt { changed, unchanged: 1 - changed };
    assert_eq!(raise("A", Priority::High).await.unwrap(), changed(1));
    assert_eq!(raise("A", Priority::Low).await.unwrap(), changed(0));
    assert_eq!(raise("none", Priority::Stat).await.unwrap(), changed(0));
    // Whoever sends it had read it before.
    let mut tried = outbound("a", "A", 1);
    tried.attempts = 1;
    store.commit(Batch::new().with(Effect::Outbound(tried))).await.unwrap();
    let lane = async |id: &str| store.outbound(id).await.unwrap().unwrap().priority;
    assert_eq!((lane("a").await, lane("x").await), (Priority::High, Priority::High));
    for id in ["b", "y", "z"] {
        assert_eq!(lane(id).await, Priority::Routine, "{id}");
    }
    assert_eq!(store.outbound("a").await.unwrap().unwrap().attempts, 1);
    let due = store.outbound_due("ris", at(9), 1).await.unwrap();
    assert_eq!(due[0].id, "a");
}

pub(crate) async fn tries_without_an_answer_and_the_last_answer_are_kept(
    Given { store, .. }: Given,
) {
    let mut silent = outbound("a", "A", 1);
    silent.unanswered = Some(Unanswered { tries: 3, last: at(7) });
    silent.round = 2;
    store.commit(Batch::new().with(Effect::Outbound(silent.clone()))).await.unwrap();
    assert_eq!(store.outbound("a").await.unwrap(), Some(silent));
    assert_eq!(store.outbound_answered("ris").await.unwrap(), None);
    for (id, second) in [("b", 5), ("c", 9), ("d", 8)] {
        let mut message = outbound(id, id, 1);
        message.state = OutboundState::Answered { code: "AA".to_owned(), at: at(second) };
        store.commit(Batch::new().with(Effect::Outbound(message))).await.unwrap();
    }
    assert_eq!(store.outbound_answered("ris").await.unwrap(), Some(at(9)));
    assert_eq!(store.outbound_answered("other").await.unwrap(), None);
}

pub(crate) async fn an_answered_message_is_never_written_over(Given { store, .. }: Given) {
    let put = |state| {
        let mut message = outbound("o1", "A", 1);
        message.state = state;
        store.commit(Batch::new().with(Effect::Outbound(message)))
    };
    let answered = OutboundState::Answered { code: "AA".to_owned(), at: at(2) };
    put(OutboundState::Pending).await.unwrap();
    put(answered.clone()).await.unwrap();
    assert_eq!(put(answered.clone()).await.unwrap(), Receipt { changed: 0, unchanged: 1 });
    for state in [OutboundState::Pending, OutboundState::SetAside { reason: String::new() }] {
        let error = put(state).await.unwrap_err();
        assert_eq!(error.to_string(), "conflict on outbound message: already answered");
    }
    assert_eq!(store.outbound("o1").await.unwrap().unwrap().state, answered);
}

pub(crate) async fn the_bytes_of_a_message_never_change(Given { store, .. }: Given) {
    let (inbound, outgoing) = (message("m1", "C1"), outbound("o1", "A", 1));
    let batch = |mut inbound: telerad_store::MessageRecord, byte: Option<u8>| {
        inbound.raw.extend(byte);
        Batch::new().with(Effect::Message(inbound))
    };
    store.commit(batch(inbound.clone(), None)).await.unwrap();
    let again = store.commit(batch(inbound.clone(), None)).await.unwrap();
    assert_eq!(again, Receipt { changed: 0, unchanged: 1 });
    let error = store.commit(batch(inbound.clone(), Some(1))).await.unwrap_err();
    assert_eq!(error.to_string(), "conflict on message: another message has this id");
    assert_eq!(store.message("m1").await.unwrap(), Some(inbound));

    store.commit(Batch::new().with(Effect::Outbound(outgoing.clone()))).await.unwrap();
    let mut other = outgoing.clone();
    other.raw.push(1);
    let error = store.commit(Batch::new().with(Effect::Outbound(other))).await.unwrap_err();
    assert_eq!(error.to_string(), "conflict on outbound message: another message has this id");
    assert_eq!(store.outbound("o1").await.unwrap(), Some(outgoing));
}

pub(crate) async fn the_last_message_under_a_control_id_is_found(Given { store, .. }: Given) {
    let mut rejected = message("m1", "C1");
    rejected.outcome = MessageOutcome::Rejected("no PID".to_owned());
    let mut applied = message("m2", "C1");
    applied.received_at = at(5);
    let mut other = message("m3", "C1");
    (other.sender, other.received_at) = ("PACS|NORTH".to_owned(), at(9));
    for message in [&applied, &rejected, &other, &message("m4", "C2")] {
        store.commit(Batch::new().with(Effect::Message(message.clone()))).await.unwrap();
    }
    let find = |control_id| store.message_by_control("RIS|NORTH", control_id);
    assert_eq!(find("C1").await.unwrap(), Some(applied.clone()));
    assert_eq!(find("C3").await.unwrap(), None);

    // A parked message is decided again: its outcome changes, and it is still the same message.
    applied.outcome = MessageOutcome::Parked("patient unknown".to_owned());
    applied.site = None;
    store.commit(Batch::new().with(Effect::Message(applied.clone()))).await.unwrap();
    assert_eq!(find("C1").await.unwrap(), Some(applied));
    assert_eq!(store.counts().await.unwrap().messages, 4);
}

pub(crate) async fn an_item_is_unparked_once(Given { store, .. }: Given) {
    let mut later = parked("p0", "north");
    later.parked_at = at(7);
    let items = [later, parked("p2", "south"), parked("p1", "north")];
    store.commit(items.into_iter().map(Effect::Park).collect()).await.unwrap();
    let ids = async |owner: Option<&str>| {
        let owner = owner.map(site);
        let found = store.parked(owner.as_ref(), None, usize::MAX).await.unwrap();
        found.into_iter().map(|item| item.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None).await, ["p1", "p2", "p0"]);
    assert_eq!(ids(Some("north")).await, ["p1", "p0"]);
    let unpark = || Batch::new().with(Effect::Unpark { id: "p1".to_owned() });
    store.commit(unpark()).await.unwrap();
    let error = store.commit(unpark()).await.unwrap_err();
    assert_eq!(error.to_string(), "conflict on parked item: no longer parked");
    assert_eq!(ids(Some("north")).await, ["p0"]);
}

pub(crate) async fn parked_items_are_told_page_by_page_and_by_what_they_are_about(
    Given { store, .. }: Given,
) {
    let item = |id: &str, owner: &str, parked_at, subject: &str| {
        let subject = subject.to_owned();
        Effect::Park(ParkedItem { parked_at: at(parked_at), subject, ..parked(id, owner) })
    };
    let items = [
        item("p3", "north", 7, "b"),
        item("p1", "north", 9, "a"),
        item("p2", "north", 7, "a"),
        item("p4", "south", 8, "a"),
        item("p0", "north", 1, "c"),
    ];
    store.commit(items.into_iter().collect()).await.unwrap();
    let ids = |found: Vec<ParkedItem>| found.into_iter().map(|it| it.id).collect::<Vec<_>>();
    for (owner, expected) in [
        (None, vec![vec!["p0", "p2"], vec!["p3", "p4"], vec!["p1"]]),
        (Some(site("north")), vec![vec!["p0", "p2"], vec!["p3", "p1"]]),
    ] {
        let mut last: Option<ParkedItem> = None;
        for page in expected {
            let after = last.as_ref().map(|item| (item.parked_at, item.id.as_str()));
            let found = store.parked(owner.as_ref(), after, 2).await.unwrap();
            last = found.last().cloned();
            assert_eq!(ids(found), page);
        }
        let after = last.as_ref().map(|item| (item.parked_at, item.id.as_str()));
        assert!(store.parked(owner.as_ref(), after, 2).await.unwrap().is_empty());
    }
    let (north, south) = (site("north"), site("south"));
    let subjects = ["b", "a", "x", "a"].map(str::to_owned);
    assert_eq!(ids(store.parked_about(&north, &subjects).await.unwrap()), ["p2", "p3", "p1"]);
    assert_eq!(ids(store.parked_about(&south, &subjects).await.unwrap()), ["p4"]);
    assert_eq!(store.parked_item(&north, "p1").await.unwrap().unwrap().subject, "a");
    assert_eq!(store.parked_item(&south, "p1").await.unwrap(), None);
    // Described anew, it is about something else.
    store.commit(Batch::new().with(item("p1", "north", 9, "d"))).await.unwrap();
    assert_eq!(ids(store.parked_about(&north, &subjects).await.unwrap()), ["p2", "p3"]);
    assert_eq!(ids(store.parked_about(&north, &["d".to_owned()]).await.unwrap()), ["p1"]);
}

pub(crate) async fn the_journal_keeps_its_order(Given { store, .. }: Given) {
    let entries = ["received", "queued", "sent"].map(|event| journal("1.2", event));
    for entry in &entries {
        let batch = Batch::new()
            .with(Effect::Journal(entry.clone()))
            .with(Effect::Journal(journal("1.3", "noise")));
        store.commit(batch).await.unwrap();
    }
    assert_eq!(store.journal("1.2").await.unwrap(), entries);
    assert!(store.journal("1.4").await.unwrap().is_empty());
}

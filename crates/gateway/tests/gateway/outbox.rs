//! Messages out: in order within one order, past each other otherwise, and none is lost to an outage.

mod lanes;
mod outage;

use std::time::Duration;

use telerad_gateway::Event;
use telerad_hl7::Message;
use telerad_store::{OutboundState, Outbox, Store};
use telerad_testkit::hl7::{Case, ResultStatus, orm_o01, oru_r01};

use crate::house::{Application, House, Reply, TOML, case_of};

const RIS: &str = "ris:2576";

/// Orders 1 to `count`, and the RIS that is told of their reports.
async fn with_orders(count: u64) -> House {
    let house = House::open();
    for number in 1..=count {
        let order = case_of("RIS", "north", number);
        assert_eq!(house.answer_to(&orm_o01(&order)).await, "AA");
    }
    house
}

async fn report(house: &House, number: u64, hour: u64) {
    let case = case_of("READER", "north", number).with_control_id(&format!("R{number}-{hour}"));
    let case = Case {
        result_status: ResultStatus::Final,
        time: format!("202601{:02}{:02}0000", 5 + hour / 24, hour % 24),
        report: vec![format!("TEXT {hour}")],
        ..case
    };
    assert_eq!(house.answer_to(&oru_r01(&case)).await, "AA");
}

fn is_sent(event: &Event) -> bool {
    matches!(event, Event::MessageDelivered { .. })
}

fn is_set_aside(event: &Event) -> bool {
    matches!(event, Event::MessageSetAside { .. })
}

fn is_of(message: &Message, number: u64) -> bool {
    message.text("OBR-18").as_deref() == Some(&*format!("N-A{number}"))
}

/// The one parked item: a message that was set aside. Its reason, as a listener was told it, and its evidence.
async fn set_aside(house: &mut House) -> (String, String) {
    let event = house.event("set aside", is_set_aside).await;
    let Event::MessageSetAside { cause, .. } = event else { unreachable!() };
    let parked = house.parked().await;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].reason, "message set aside");
    let message = house.store.outbound(&parked[0].subject).await.unwrap().unwrap();
    assert_eq!(message.state, OutboundState::SetAside { reason: cause.clone() });
    (cause, parked[0].evidence.clone())
}

#[tokio::test(start_paused = true)]
async fn a_message_answered_ae_is_set_aside_and_others_pass() {
    let mut house = with_orders(3).await;
    let ris = Application::open(&house.network, RIS)
        .script(|message, _| if is_of(message, 2) { Reply::Error } else { Reply::Accept });
    for number in 1..=3 {
        report(&house, number, 10).await;
    }
    for _ in 0..2 {
        house.event("sent", is_sent).await;
    }
    let (cause, evidence) = set_aside(&mut house).await;
    assert_eq!(cause, "answered AE, condition 207");
    assert!(evidence.contains("DOE^JOHN cannot be filed"), "{evidence}");
    house.settle().await;
    assert_eq!((ris.came(), ris.taken("OBR-18")), (3, vec!["N-A1".to_owned(), "N-A3".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn what_a_receiver_says_in_its_own_words_is_told_to_no_listener() {
    let mut house = with_orders(1).await;
    let _ris = Application::open(&house.network, RIS).script(|_, _| Reply::Error);
    report(&house, 1, 10).await;
    let (cause, _) = set_aside(&mut house).await;
    assert!(!cause.contains("DOE"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_message_answered_ar_is_tried_again() {
    let mut house = with_orders(1).await;
    let ris = Application::open(&house.network, RIS)
        .script(|_, times| if times < 10 { Reply::Reject } else { Reply::Accept });
    report(&house, 1, 10).await;
    house.event("sent", is_sent).await;
    assert_eq!((ris.came(), house.count(is_set_aside)), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_message_answered_ar_for_long_is_set_aside_and_the_next_of_its_order_passes() {
    let mut house = with_orders(1).await;
    let ris = Application::open(&house.network, RIS).script(|message, _| {
        if message.text("OBX-5").as_deref() == Some("TEXT 10") {
            Reply::Reject
        } else {
            Reply::Accept
        }
    });
    report(&house, 1, 10).await;
    report(&house, 1, 11).await;
    house.event("sent", is_sent).await;
    let (cause, _) = set_aside(&mut house).await;
    assert_eq!(cause, "answered AR, condition 207");
    assert_eq!((ris.came(), ris.taken("OBX-5")), (21, vec!["TEXT 11".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_down_gets_everything_in_order_when_it_returns() {
    let mut house = with_orders(2).await;
    for hour in 10..15 {
        report(&house, 1, hour).await;
        report(&house, 2, hour).await;
    }
    house.let_pass(Duration::from_secs(3 * 86_400)).await;
    assert_eq!((house.count(is_set_aside), house.reasons().await.len()), (0, 0));
    let ris = Application::open(&house.network, RIS);
    for _ in 0..10 {
        house.event("sent", is_sent).await;
    }
    let told: Vec<_> = ris.taken("OBR-18").into_iter().zip(ris.taken("OBX-5")).collect();
    for number in ["N-A1", "N-A2"] {
        let texts: Vec<_> = told.iter().filter(|one| one.0 == number).map(|one| &*one.1).collect();
        assert_eq!(texts, ["TEXT 10", "TEXT 11", "TEXT 12", "TEXT 13", "TEXT 14"]);
    }
    assert_eq!(house.store.counts().await.unwrap().outbound_pending, 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_an_answer_lets_others_pass_and_is_set_aside() {
    let mut house = with_orders(3).await;
    let ris = Application::open(&house.network, RIS)
        .script(|message, _| if is_of(message, 1) { Reply::Silence } else { Reply::Accept });
    for number in 1..=3 {
        report(&house, number, 10).await;
    }
    for _ in 0..2 {
        house.event("sent", is_sent).await;
    }
    // Alone it may be the receiver as well; the next one to pass shows that it is not.
    house.event("receiver down", outage::is_down).await;
    house.settle().await;
    assert_eq!(house.count(is_set_aside), 0);
    report(&house, 2, 11).await;
    house.event("sent", is_sent).await;
    house.event("receiver up", outage::is_up).await;
    let (cause, _) = set_aside(&mut house).await;
    assert!(cause.starts_with("no answer while others got one"), "{cause}");
    assert_eq!(ris.taken("OBR-18"), ["N-A2", "N-A3", "N-A2"]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_answers_nothing_at_all_is_an_outage() {
    let mut house = with_orders(1).await;
    let ris = Application::open(&house.network, RIS)
        .script(|_, times| if times < 100 { Reply::Silence } else { Reply::Accept });
    report(&house, 1, 10).await;
    house.let_pass(Duration::from_secs(86_400)).await;
    house.event("sent", is_sent).await;
    assert_eq!((ris.came(), house.count(is_set_aside)), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_up_is_sent_the_same_message_again() {
    let mut house = with_orders(1).await;
    let ris = Application::open(&house.network, RIS)
        .script(|_, times| if times < 4 { Reply::Close } else { Reply::Accept });
    report(&house, 1, 10).await;
    house.event("sent", is_sent).await;
    assert_eq!((ris.came(), ris.taken("OBX-5")), (4, vec!["TEXT 10".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_could_not_be_recorded_is_asked_for_again() {
    let mut house = with_orders(1).await;
    report(&house, 1, 10).await;
    house.store.watch.judge(|_| crate::house::Verdict::Fail);
    let ris = Application::open(&house.network, RIS);
    house.let_pass(Duration::from_secs(120)).await;
    assert_eq!(house.count(is_sent), 0, "told before it was durable");
    house.store.watch.judge_no_more();
    house.event("sent", is_sent).await;
    let control_ids = ris.taken("MSH-10");
    assert!((2..10).contains(&control_ids.len()), "{} times", control_ids.len());
    assert!(
        control_ids.iter().all(|id| *id == control_ids[0]),
        "the RIS cannot tell it is the same"
    );
}

/// As [`with_orders`], of a RIS that is asked for these answers.
async fn asking_for(acknowledgement: &str) -> House {
    let prefix = "accession_prefix = \"N-\"";
    let toml = TOML.replace(prefix, &format!("{prefix}\nacknowledgement = \"{acknowledgement}\""));
    let house = House::open_with(&toml);
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    house
}

#[tokio::test(start_paused = true)]
async fn a_commit_answer_is_no_delivery_where_the_application_is_asked() {
    let mut house = asking_for("application").await;
    let ris = Application::open(&house.network, RIS).script(|message, times| {
        let asked = ["MSH-15", "MSH-16"].map(|path| message.text(path));
        assert_eq!(asked, [Some("AL".to_owned()), Some("AL".to_owned())]);
        if times < 3 { Reply::Commit } else { Reply::CommitAndAccept }
    });
    report(&house, 1, 10).await;
    // Twice the application is waited for, five minutes each time.
    house.let_pass(Duration::from_secs(590)).await;
    assert_eq!((house.count(is_sent), ris.came()), (0, 2));
    house.event("sent", is_sent).await;
    assert_eq!((ris.came(), ris.taken("OBX-5").len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_commit_answer_is_a_delivery_where_it_alone_is_asked_for() {
    let mut house = asking_for("commit").await;
    let ris = Application::open(&house.network, RIS).script(|_, _| Reply::Commit);
    report(&house, 1, 10).await;
    house.event("sent", is_sent).await;
    house.settle().await;
    assert_eq!(ris.came(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_an_application_s_answer() {
    let house = asking_for("application").await;
    let _ris = Application::open(&house.network, RIS).script(|_, _| Reply::Commit);
    report(&house, 1, 10).await;
    house.let_pass(Duration::from_secs(10)).await;
    let store = house.store.clone();
    let start = tokio::time::Instant::now();
    house.gateway.stop().await;
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(store.counts().await.unwrap().outbound_pending, 1);
}

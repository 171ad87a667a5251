//! What goes on beside the senders in a gateway that runs in this process: a person at its desk, and the removal of
//! payloads.

use std::collections::BTreeMap;
use std::time::Duration;

use telerad::core::{Priority, SiteId, Timestamp};
use telerad::gateway::Environment;
use telerad::gateway::desk::{Desk, DeskError, Signature};
use telerad::routing::DestinationId;
use telerad::store::{Retention, StoreError, collect};
use telerad_testkit::Rng;

use crate::house::{READER, SECOND};
use crate::load::{Notebook, Wishes, lock};

/// Asks for one thing after the other, of a study that was begun lately, until the gateway is gone. What is asked for is
/// in doubt until it is answered: then it must outlive every crash.
pub async fn decide(desk: Desk, notebook: Notebook, mut rng: Rng, payloads_stay: bool) {
    loop {
        tokio::time::sleep(Duration::from_millis(2 + rng.below(6))).await;
        let Some(study) = any_study(&notebook, &mut rng) else { continue };
        let before = lock(&notebook).wishes.get(&study).cloned().unwrap_or_default();
        let wish = any_wish(&before, &study, &mut rng);
        write(&notebook, &study, |known| known.doubt(wish));
        let answer = ask(&desk, &study, wish).await;
        let mut ledger = lock(&notebook);
        let known = ledger.wishes.entry(study.clone()).or_default();
        match answer {
            Ok(()) => {
                known.keep(wish);
                *ledger.decisions.entry(wish.name()).or_default() += 1;
            }
            // Nobody knows.
            Err(DeskError::Store(StoreError::Poisoned { .. } | StoreError::Closed)) => return,
            Err(DeskError::Store(_) | DeskError::Payloads { .. }) => {}
            Err(error) => {
                known.forget(wish, &before);
                if error == DeskError::PayloadRemoved && payloads_stay {
                    ledger.broken.push(format!("study {study}: a payload is gone"));
                }
            }
        }
    }
}

/// Lets every study go on that is held, or may be.
pub async fn release(desk: &Desk, notebook: &Notebook) {
    let studies: Vec<String> = lock(notebook).wishes.keys().cloned().collect();
    for study in studies {
        // Refused where it is not held.
        let _ = ask(desk, &study, Wish::Release).await;
        write(notebook, &study, |known| known.keep(Wish::Release));
    }
}

/// Tries again what waits for a person.
pub async fn requeue(desk: &Desk, notebook: &Notebook, waiting: &[String]) {
    for study in waiting {
        write(notebook, study, |known| known.doubt(Wish::Requeue));
        let _ = ask(desk, study, Wish::Requeue).await;
    }
}

/// Removes what was delivered, again and again, as a gateway does whose site keeps nothing: an hour is kept, and this
/// collector's clock is two hours ahead.
pub async fn remove_payloads(environment: Environment, notebook: Notebook) {
    let Ok(site) = SiteId::new("north") else { return };
    let delivered = BTreeMap::from([(site, Duration::from_secs(3600))]);
    let retention = Retention { unnamed: Duration::ZERO, delivered };
    let (store, payloads) = (environment.store.as_ref(), environment.payloads.as_ref());
    let mut after = None;
    loop {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let now = environment.clock.timestamp().as_micros() + 2 * 3_600_000_000;
        let now = Timestamp::from_micros(now);
        match collect(store, payloads, &retention, now, after, PAGE).await {
            Ok(page) => {
                lock(&notebook).removed += page.removed;
                after = page.next;
            }
            // The disk fails, or is gone.
            Err(_) => return,
        }
    }
}

/// Something that a person may want of a study.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish {
    Cancel,
    Hold,
    Raise,
    Release,
    Requeue,
    Reroute(&'static str, &'static str),
    Resend,
}

impl Wish {
    const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Hold => "held",
            Self::Raise => "raised",
            Self::Release => "released",
            Self::Requeue => "requeued",
            Self::Reroute(..) => "re-routed",
            Self::Resend => "sent again",
        }
    }
}

impl Wishes {
    fn doubt(&mut self, wish: Wish) {
        match wish {
            Wish::Cancel => self.may_be_cancelled = true,
            Wish::Hold | Wish::Release => self.held = None,
            Wish::Raise => {}
            Wish::Requeue | Wish::Resend => self.resent += 1,
            Wish::Reroute(_, to) => {
                self.goes_to = None;
                *self.rerouted.entry(to).or_default() += 1;
            }
        }
    }

    fn keep(&mut self, wish: Wish) {
        match wish {
            Wish::Hold => self.held = Some(true),
            Wish::Release => self.held = Some(false),
            Wish::Reroute(_, to) => self.goes_to = Some(to),
            Wish::Cancel | Wish::Raise | Wish::Requeue | Wish::Resend => {}
        }
    }

    /// It was refused, and changed nothing.
    fn forget(&mut self, wish: Wish, before: &Self) {
        match wish {
            Wish::Hold | Wish::Release => self.held = before.held,
            Wish::Reroute(..) => {
                self.goes_to = before.goes_to;
                self.rerouted.clone_from(&before.rerouted);
            }
            Wish::Requeue | Wish::Resend => self.resent = before.resent,
            Wish::Cancel | Wish::Raise => {}
        }
    }
}

async fn ask(desk: &Desk, study: &str, wish: Wish) -> Result<(), DeskError> {
    let site = SiteId::new("north").expect("a site");
    let destination = |id| DestinationId::new(id).expect("a destination");
    let signature = Signature::new("trial", "crash lab").expect("a name and a reason");
    let changed = match wish {
        Wish::Cancel => desk.cancel(&site, study, None, &signature).await,
        Wish::Hold => desk.hold(&site, study, &signature).await,
        Wish::Raise => desk.raise(&site, study, Priority::Stat, &signature).await,
        Wish::Release => desk.release(&site, study, &signature).await,
        Wish::Requeue => desk.requeue(&site, study, None, &signature).await,
        Wish::Reroute(from, to) => {
            desk.reroute(&site, study, &destination(from), &destination(to), &signature).await
        }
        Wish::Resend => desk.resend(&site, study, None, &signature).await,
    };
    changed.map(drop)
}

fn any_wish(known: &Wishes, study: &str, rng: &mut Rng) -> Wish {
    // Who waits for delivery would wait for ever.
    let may_cancel = study.bytes().last().is_some_and(|digit| digit % 4 != 1);
    match rng.below(20) {
        0 if may_cancel => Wish::Cancel,
        0..=5 if known.held != Some(true) => Wish::Hold,
        0..=10 => Wish::Release,
        11..=14 if known.goes_to == Some(SECOND) => Wish::Reroute(SECOND, READER),
        11..=13 => Wish::Reroute(READER, SECOND),
        14 => Wish::Reroute(SECOND, READER),
        15 | 16 => Wish::Raise,
        17 => Wish::Requeue,
        _ => Wish::Resend,
    }
}

fn any_study(notebook: &Notebook, rng: &mut Rng) -> Option<String> {
    let ledger = lock(notebook);
    let begun = ledger.studies.len();
    let back = usize::try_from(rng.below(RECENT as u64)).ok()?.min(begun.checked_sub(1)?);
    ledger.studies.get(begun - 1 - back).cloned()
}

fn write(notebook: &Notebook, study: &str, note: impl FnOnce(&mut Wishes)) {
    note(lock(notebook).wishes.entry(study.to_owned()).or_default());
}

/// Few enough that the same study is met again.
const RECENT: usize = 6;
/// Few, so that little is left uncounted when a life ends.
const PAGE: usize = 2;

//! Those who speak to the gateway: modalities that send until they are answered, a RIS, people at the desk.

use std::sync::Arc;
use std::time::Duration;

use telerad::core::{AeTitle, Priority};
use telerad::dimse::plan_contexts;
use telerad::gateway::desk::{Desk, Signature};
use telerad::net::Spawn;
use telerad::net::dicom::{ClientAssociation, Peer, StoreRequest};
use telerad::routing::Digest;
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, orm_o01};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::plan::{SOURCES, Sending, Wish, WishKind};
use crate::world::{Answered, Log, World, destination_id, north};

/// Sends what one association was to carry, again and again until all of it is answered for good.
pub async fn send(world: Arc<World>, number: usize) {
    let sending = &world.plan.sendings[number];
    let dice = world.executor.dice();
    world.executor.pause(Duration::from_secs(sending.at)).await;
    let mut left = sending.items.clone();
    for attempt in 0..TRIES {
        let was = left.len();
        associate(&world, sending, attempt < sending.cuts, &mut left).await;
        if left.is_empty() {
            break;
        }
        if was == left.len() {
            world.reach("source tries again");
        }
        world.executor.pause(Duration::from_millis(500 + dice.below(30_000))).await;
    }
    world.log().busy -= 1;
}

async fn associate(
    world: &Arc<World>,
    sending: &Sending,
    is_cut: bool,
    left: &mut Vec<(usize, usize)>,
) {
    let source = SOURCES[sending.source];
    let title = |text| AeTitle::new(text).expect("a valid title");
    let peer = Peer::new("telerad:104", title("TELERAD"), title(source));
    let Ok((stream, scissors)) = world.network.call("telerad:104").await else { return };
    if is_cut {
        world.reach("source cut off");
        let time = Duration::from_micros(world.executor.dice().below(20_000));
        world.executor.spawn(scissors.cut_after(world.executor.clone(), time));
    }
    let instance = |(instance, version): (usize, usize)| -> &Instance {
        &world.plan.instances[instance].versions[version]
    };
    let needs: Vec<(&str, &str)> = left
        .iter()
        .map(|it| (instance(*it).sop_class_uid.as_str(), instance(*it).syntax.uid()))
        .collect();
    let contexts = plan_contexts(&needs).into_iter().next().unwrap_or_default();
    let clock = Arc::new(world.executor.clone());
    let Ok(mut association) = ClientAssociation::open(stream, clock, &peer, contexts).await else {
        return;
    };
    for item in left.clone() {
        let (at, data_set) = (instance(item), instance(item).data_set());
        let digest = Digest::from_bytes(*blake3::hash(&data_set).as_bytes());
        let request = StoreRequest {
            message_id: 0,
            sop_class_uid: at.sop_class_uid.clone(),
            sop_instance_uid: at.sop_instance_uid.clone(),
            transfer_syntax_uid: at.syntax.uid().to_owned(),
            move_originator: None,
        };
        let Ok(answer) = association.store(&request, data_set).await else { return };
        let status = answer.status().code();
        world.tell(format!("{source}: {} v{} {status:04X}H", at.sop_instance_uid, item.1));
        let (at, source, (instance, version)) = (world.micros(), sending.source, item);
        let mut log = world.log();
        if status == 0 && log.poison.is_some() && !was_durable(&log, &digest) {
            log.faults.push("acknowledged although the store takes nothing".to_owned());
        }
        log.answers.push(Answered { at, source, instance, version, status });
        drop(log);
        match status {
            0 => world.reach("acknowledged"),
            0xA700..=0xA7FF => {
                world.reach("source told to come again");
                continue;
            }
            _ => world.reach("source refused"),
        }
        left.retain(|other| *other != item);
    }
    // What was answered stays answered.
    let _ = association.release().await;
}

/// Tells the gateway of an order until it says AA.
pub async fn order(world: Arc<World>, number: usize) {
    let (at, study, stat) = world.plan.orders[number];
    world.executor.pause(Duration::from_secs(at)).await;
    let patient = world.plan.patients[study];
    let case = Case {
        control_id: format!("ORM{number}"),
        accession: format!("A{study}"),
        patient_id: format!("P{patient}"),
        given_name: format!("PATIENT{patient}"),
        study_instance_uid: world.plan.study_uid(study),
        priority: if stat { "S".to_owned() } else { "R".to_owned() },
        ..Case::new(study as u64)
    };
    let message = orm_o01(&case);
    for _ in 0..TRIES {
        let told = world.executor.within(Duration::from_secs(60), tell(&world, &message)).await;
        if told == Some(true) {
            world.reach(if stat { "order told as STAT" } else { "order told" });
            break;
        }
        world.executor.pause(Duration::from_secs(5)).await;
    }
    world.log().busy -= 1;
}

async fn tell(world: &World, message: &str) -> bool {
    let Ok((mut stream, _)) = world.network.call("telerad:2575").await else { return false };
    let mut answer = Vec::new();
    if stream.write_all(format!("\x0b{message}\x1c\r").as_bytes()).await.is_err() {
        return false;
    }
    while !answer.contains(&0x1c) {
        match stream.read_buf(&mut answer).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    String::from_utf8_lossy(&answer).contains("MSA|AA")
}

/// A person comes to the desk of whatever gateway runs then; what they ask for ends with it.
pub async fn wish(world: Arc<World>, number: usize) {
    let wish = world.plan.wishes[number];
    world.executor.pause(Duration::from_secs(wish.at)).await;
    let open = world.log().open.clone();
    if let Some((life, desk)) = open {
        let asking = Arc::clone(&world);
        let spawner = world.executor.spawner(life);
        spawner.spawn("wish", Box::pin(async move { ask(&asking, &desk, wish).await }));
    }
    world.log().busy -= 1;
}

/// Asks for something.
pub async fn ask(world: &World, desk: &Desk, wish: Wish) {
    let (site, study) = (north(), world.plan.study_uid(wish.study));
    let name = |number: usize| destination_id(&world.plan.destinations[number].name);
    let (at, other) = (wish.destination.map(name), name(wish.other));
    let from = at.clone().unwrap_or_else(|| name(0));
    let signed = Signature::new("ops-1", "asked by the ward").expect("a valid signature");
    let began = world.micros();
    let granted = match wish.kind {
        WishKind::Hold => desk.hold(&site, &study, &signed).await,
        WishKind::Release => desk.release(&site, &study, &signed).await,
        WishKind::Cancel => desk.cancel(&site, &study, at.as_ref(), &signed).await,
        WishKind::Raise => desk.raise(&site, &study, Priority::Stat, &signed).await,
        WishKind::Reroute => desk.reroute(&site, &study, &from, &other, &signed).await,
        WishKind::Resend => desk.resend(&site, &study, at.as_ref(), &signed).await,
        WishKind::Requeue => desk.requeue(&site, &study, at.as_ref(), &signed).await,
    };
    world.tell(format!("desk: {:?} of study {}: {granted:?}", wish.kind, wish.study));
    if granted.is_ok() {
        world.reach(match wish.kind {
            WishKind::Hold => "held",
            WishKind::Release => "released",
            WishKind::Cancel => "cancelled",
            WishKind::Raise => "raised",
            WishKind::Reroute => "re-routed",
            WishKind::Resend => "resent",
            WishKind::Requeue => "requeued",
        });
        world.log().wishes.push((began, wish.kind, wish.study));
    }
}

/// Far more than any schedule needs.
const TRIES: u64 = 40;

/// Whether a data set was part of a commit from before the store took nothing more.
fn was_durable(log: &Log, digest: &Digest) -> bool {
    let before = log.seen.iter().filter(|(at, _)| *at < log.poisoned_at);
    before.flat_map(|(_, seen)| &seen.instances).any(|it| it.digest == *digest)
}

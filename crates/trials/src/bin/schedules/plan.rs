//! What is to happen in one schedule, all of it drawn from a seed before anything runs.

use std::fmt::Write;

use telerad_testkit::dicom::{Instance, Syntax};

use crate::executor::Dice;

/// One schedule. Times are seconds since it begins.
pub struct Plan {
    pub seed: u64,
    /// From then on everybody is well.
    pub horizon: u64,
    pub destinations: Vec<DestinationPlan>,
    /// The first two destinations stand in for each other; after so many seconds.
    pub failover_after: Option<u64>,
    /// Before and after the rules are changed.
    pub rules: [Vec<RulePlan>; 2],
    /// A bytes-per-second limit of the line to the last destination.
    pub line: Option<u64>,
    pub keep_hours: Option<u64>,
    /// Whether each source is answered only after delivery.
    pub after_delivery: [bool; 3],
    pub instances: Vec<InstancePlan>,
    pub sendings: Vec<Sending>,
    /// Orders: when, of which study, whether STAT.
    pub orders: Vec<(u64, usize, bool)>,
    pub studies: usize,
    /// Whose patient each study is.
    pub patients: Vec<u64>,
    pub wishes: Vec<Wish>,
    pub restarts: Vec<Restart>,
    pub disk: Vec<Episode<DiskFault>>,
    /// When the room of the spool changes, and to how many bytes.
    pub room: Vec<(u64, u64)>,
}

pub struct DestinationPlan {
    pub name: String,
    pub associations: u64,
    pub retry: (u64, u64),
    /// Routine waits for this many minutes past eight.
    pub shut_until: Option<u64>,
    pub verifies: bool,
    pub trusts_duplicates: bool,
    pub compares_duplicates: bool,
    pub faults: Vec<Episode<Fault>>,
}

/// Something that is the case from then until then.
#[derive(Clone, Copy, Debug)]
pub struct Episode<K> {
    pub from: u64,
    pub to: u64,
    pub kind: K,
    /// It shows once in so many times.
    pub once_in: u64,
}

/// How a destination does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    Down,
    Silent,
    RejectsForNow,
    RejectsForGood,
    RefusesClass(usize),
    RefusesClassWithoutReason(usize),
    RefusesSyntax,
    Answers(u16),
    CutsEarly,
    CutsLate,
    Hangs,
    AnswersAfter(u64),
    KeepsAndCuts,
    KeepsAndHangs,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DiskFault {
    /// The database refuses a batch.
    CommitFails,
    /// A batch is written, or not, and the database says that it cannot tell; nothing is written any more.
    CommitUncertain,
    /// A payload cannot be finished.
    PayloadFails,
    /// Payloads cannot be read.
    Unreadable,
}

pub struct RulePlan {
    pub id: String,
    pub modality: Option<&'static str>,
    pub source: Option<&'static str>,
    /// Minutes past eight between which it applies.
    pub during: Option<(u64, u64)>,
    pub send_to: Vec<String>,
}

pub struct InstancePlan {
    pub study: usize,
    /// The image as it was made, then other versions under its UID.
    pub versions: Vec<Instance>,
}

/// One association of a source.
pub struct Sending {
    pub at: u64,
    pub source: usize,
    /// Instance and version.
    pub items: Vec<(usize, usize)>,
    /// The first so many tries are cut off at a random moment.
    pub cuts: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub at: u64,
    pub study: usize,
    pub kind: WishKind,
    pub destination: Option<usize>,
    pub other: usize,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum WishKind {
    Hold,
    Release,
    Cancel,
    Raise,
    Reroute,
    Resend,
    Requeue,
}

#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// Milliseconds since the beginning, at the latest.
    pub at: u64,
    /// Around the commit of this number, counted from the start of the gateway: when something happens.
    pub commit: Option<u64>,
    pub crash: bool,
    /// By other rules from then on.
    pub other_rules: bool,
}

pub const SOURCES: [&str; 3] = ["CT1", "PACS", "ER"];
pub const CLASSES: [(&str, &str); 3] = [
    ("CT", "1.2.840.10008.5.1.4.1.1.2"),
    ("MR", "1.2.840.10008.5.1.4.1.1.4"),
    ("OT", "1.2.840.10008.5.1.4.1.1.7"),
];
/// In UIDs and numbers of patients.
const FIRST_NUMBER: u64 = 100;

impl Plan {
    pub fn draw(seed: u64) -> Self {
        let dice = Dice::new(seed ^ 0x7363_6865_6475_6c65);
        let week = dice.once_in(250);
        let horizon = if week { 7 * 86_400 } else { 120 + dice.below(900) };
        let count = if week { 1 + dice.below(2) } else { 1 + dice.below(4) };
        let names: Vec<String> = (0..count).map(|number| format!("d{number}")).collect();
        let failover_after = (count >= 2 && dice.once_in(2)).then(|| dice.pick(&[20, 60, 300]));
        let busy = horizon.min(900);
        let mut destinations: Vec<DestinationPlan> =
            names.iter().map(|name| destination(&dice, name, horizon)).collect();
        if week {
            let kind = Fault::Down;
            destinations[0].faults = vec![Episode { from: 5, to: horizon, kind, once_in: 1 }];
        }
        let studies = usize::try_from(1 + dice.below(3)).unwrap_or(1);
        let patients: Vec<u64> = (0..studies).map(|_| FIRST_NUMBER + dice.below(2)).collect();
        let instances = instances(&dice, &patients);
        let sendings = sendings(&dice, &instances, busy);
        let targets = |dice: &Dice| targets(dice, &names, failover_after.is_some());
        let rules = [rules(&dice, &targets), rules(&dice, &targets)];
        let restarts = restarts(&dice, busy);
        let mut plan = Self {
            seed,
            horizon,
            failover_after,
            rules,
            line: dice.once_in(5).then(|| dice.pick(&[50, 500, 5000])),
            keep_hours: dice.once_in(6).then_some(1),
            after_delivery: std::array::from_fn(|_| dice.once_in(6)),
            orders: orders(&dice, studies, busy),
            wishes: wishes(&dice, studies, names.len(), busy),
            room: room(&dice, busy),
            disk: disk(&dice, busy),
            destinations,
            instances,
            sendings,
            studies,
            patients,
            restarts,
        };
        plan.end_uncertainty(&dice);
        plan
    }

    /// A store that does not know what it wrote takes nothing more: the gateway is started anew.
    fn end_uncertainty(&mut self, dice: &Dice) {
        for episode in &self.disk {
            if episode.kind == DiskFault::CommitUncertain {
                let at = (episode.to + 1 + dice.below(60)) * 1000;
                let commit = None;
                self.restarts.push(Restart { at, commit, crash: true, other_rules: false });
            }
        }
        self.restarts.sort_by_key(|restart| restart.at);
    }

    /// What happens to a destination at this second, as far as it shows.
    pub fn fault(&self, destination: usize, second: u64, dice: &Dice) -> Option<Fault> {
        let faults = &self.destinations[destination].faults;
        let mut present = faults.iter().filter(|it| it.from <= second && second < it.to);
        present.find(|it| dice.once_in(it.once_in)).map(|it| it.kind)
    }

    pub fn disk_fault(&self, kind: DiskFault, second: u64, dice: &Dice) -> bool {
        let mut present = self.disk.iter().filter(|it| it.from <= second && second < it.to);
        present.any(|it| it.kind == kind && dice.once_in(it.once_in))
    }

    pub fn study_uid(&self, study: usize) -> String {
        study_uid(study)
    }

    /// The gateway's configuration with the first or the second set of rules.
    pub fn toml(&self, rules: usize) -> String {
        let mut text = String::from(HEAD);
        if let Some(hours) = self.keep_hours {
            text += &format!("keep_hours = {hours}\n");
        }
        for (source, after_delivery) in SOURCES.iter().zip(self.after_delivery) {
            let acknowledge = if after_delivery { "after_delivery" } else { "durable" };
            let priority = if *source == "PACS" { "low" } else { "normal" };
            let _ = write!(
                text,
                "[[source]]\nsite = \"north\"\nae_title = \"{source}\"\npriority = \"{priority}\"\n\
                 acknowledge = \"{acknowledge}\"\nacknowledge_seconds_max = 20\n"
            );
        }
        let last = self.destinations.len() - 1;
        for (number, destination) in self.destinations.iter().enumerate() {
            let line = self.line.filter(|_| number == last).map(|_| "line");
            text += &destination.toml(line);
        }
        if let Some(rate) = self.line {
            let _ = write!(
                text,
                "[[link]]\nid = \"line\"\nrate = {{ bytes_per_second = {rate}, burst_bytes = 1000 }}\n"
            );
        }
        if let Some(seconds) = self.failover_after {
            let _ = write!(
                text,
                "[[group]]\nid = \"readers\"\nmembers = [\"d0\", \"d1\"]\nfailover_after_seconds = {seconds}\n"
            );
        }
        self.rules[rules].iter().for_each(|rule| text += &rule.toml());
        text
    }
}

impl DestinationPlan {
    fn toml(&self, line: Option<&str>) -> String {
        let Self { name, associations, retry, .. } = self;
        let (first, longest) = retry;
        let mut text = format!(
            "[[destination]]\nid = \"{name}\"\nae_title = \"{}\"\naddress = \"{name}:104\"\n\
             associations_max = {associations}\nretry_seconds = [{first}, {longest}]\n",
            name.to_uppercase()
        );
        if let Some(minutes) = self.shut_until {
            let _ = writeln!(
                text,
                "schedule = {{ time_zone = \"UTC\", windows = [{{ from = \"08:{minutes:02}\", to = \"07:59\" }}] }}"
            );
        }
        if let Some(line) = line {
            let _ = writeln!(text, "link = \"{line}\"");
        }
        if self.verifies {
            text += "resend = \"verify\"\n";
        }
        if self.trusts_duplicates {
            text += "duplicates = \"same\"\n";
        } else if self.compares_duplicates {
            text += "duplicates = \"compare\"\n";
        }
        text
    }
}

impl RulePlan {
    fn toml(&self) -> String {
        let mut conditions = Vec::new();
        if let Some(modality) = self.modality {
            conditions.push(format!("modality = [\"{modality}\"]"));
        }
        if let Some(source) = self.source {
            conditions.push(format!("source = [\"{source}\"]"));
        }
        let (when, to) = (conditions.join(", "), self.send_to.join("\", \""));
        let mut text = format!("[[rule]]\nid = \"{}\"\nwhen = {{ {when} }}\n", self.id);
        if let Some((from, to)) = self.during {
            let _ = writeln!(
                text,
                "during = {{ time_zone = \"UTC\", windows = [{{ from = \"08:{from:02}\", to = \"08:{to:02}\" }}] }}"
            );
        }
        let _ = writeln!(text, "send_to = [\"{to}\"]");
        text
    }

    /// Whether it holds for an image of this modality and source, so many seconds after eight.
    pub fn holds(&self, modality: &str, source: &str, second: u64) -> bool {
        let minute = second / 60;
        self.modality.is_none_or(|it| it == modality)
            && self.source.is_none_or(|it| it == source)
            && self.during.is_none_or(|(from, to)| from <= minute && minute < to)
    }
}

fn destination(dice: &Dice, name: &str, horizon: u64) -> DestinationPlan {
    let busy = horizon.min(900);
    let count = dice.pick(&[0, 0, 1, 1, 2, 3]);
    let mut faults: Vec<_> = (0..count).map(|_| episode(dice, busy, fault(dice))).collect();
    let (trusts_duplicates, compares_duplicates) = (dice.once_in(3), dice.once_in(2));
    if compares_duplicates && !trusts_duplicates && dice.once_in(2) {
        // What is asked for then is rarely met by chance.
        faults.push(episode(dice, busy, Fault::Answers(0x0111)));
    }
    DestinationPlan {
        name: name.to_owned(),
        associations: 1 + dice.below(4),
        retry: dice.pick(&[(1, 10), (1, 60), (2, 30)]),
        shut_until: dice.once_in(5).then(|| 2 + dice.below(30)),
        verifies: dice.once_in(3),
        trusts_duplicates,
        compares_duplicates,
        faults,
    }
}

fn episode<K>(dice: &Dice, busy: u64, kind: K) -> Episode<K> {
    let from = dice.below(busy);
    let to = from + dice.pick(&[3, 20, 90, 400]);
    Episode { from, to: to.min(busy), kind, once_in: dice.pick(&[1, 1, 2, 4]) }
}

fn fault(dice: &Dice) -> Fault {
    let class = usize::try_from(dice.below(3)).unwrap_or(0);
    match dice.below(17) {
        0 => Fault::Down,
        1 => Fault::Silent,
        2 => Fault::RejectsForNow,
        3 => Fault::RejectsForGood,
        4 => Fault::RefusesClass(class),
        5 => Fault::RefusesClassWithoutReason(class),
        6 => Fault::RefusesSyntax,
        7..=10 => Fault::Answers(dice.pick(&STATUSES)),
        11 => Fault::CutsEarly,
        12 => Fault::CutsLate,
        13 => Fault::Hangs,
        14 => Fault::AnswersAfter(1 + dice.below(150)),
        15 => Fault::KeepsAndCuts,
        _ => Fault::KeepsAndHangs,
    }
}

pub const STATUSES: [u16; 9] =
    [0xA700, 0xA900, 0xC000, 0xC123, 0x0111, 0x0122, 0xB000, 0xB007, 0x0110];

fn instances(dice: &Dice, patients: &[u64]) -> Vec<InstancePlan> {
    let mut instances = Vec::new();
    for (study, patient) in patients.iter().enumerate() {
        let main = dice.below(3);
        for number in 0..1 + dice.below(4) {
            let class = if dice.once_in(4) { dice.below(3) } else { main };
            let (modality, sop_class) = CLASSES[usize::try_from(class).unwrap_or(0)];
            let uid = format!("2.25.{}", 1000 * (study as u64 + 1) + number);
            let first = Instance {
                sop_class_uid: sop_class.to_owned(),
                sop_instance_uid: uid,
                study_instance_uid: study_uid(study),
                series_instance_uid: format!("2.25.{}", 700 + study),
                accession: format!("A{study}"),
                modality: modality.to_owned(),
                patient_id: format!("P{patient}"),
                patient_name: format!("TEST^PATIENT{patient}"),
                rows: 4,
                columns: u16::try_from(4 + 4 * dice.below(40)).unwrap_or(4),
                seed: study as u64 * 100 + number,
                ..Instance::new(1)
            };
            let mut versions = vec![first];
            if dice.once_in(4) {
                versions.push(version(dice, &versions[0]));
            }
            instances.push(InstancePlan { study, versions });
        }
    }
    instances
}

/// Another data set under the same UID: the same image coerced or coded otherwise, another image, another patient's.
fn version(dice: &Dice, first: &Instance) -> Instance {
    let first = first.clone();
    match dice.below(4) {
        0 => Instance { study_description: "COERCED".to_owned(), ..first },
        1 => Instance { syntax: Syntax::ImplicitLittle, ..first },
        2 => Instance { seed: first.seed + 50, ..first },
        _ => Instance { patient_id: "P999".to_owned(), ..first },
    }
}

fn sendings(dice: &Dice, instances: &[InstancePlan], busy: u64) -> Vec<Sending> {
    let mut sendings: Vec<Sending> = Vec::new();
    let mut send = |items: Vec<(usize, usize)>, source: usize, at: u64| {
        let cuts = if dice.once_in(3) { 1 + dice.below(2) } else { 0 };
        sendings.push(Sending { at, source, items, cuts });
    };
    let source = |dice: &Dice| usize::try_from(dice.pick(&[0_u64, 0, 0, 1, 2])).unwrap_or(0);
    let mut batch: Vec<(usize, usize)> = Vec::new();
    for (number, instance) in instances.iter().enumerate() {
        batch.push((number, 0));
        let is_last = instances.get(number + 1).is_none_or(|next| next.study != instance.study);
        if is_last || dice.once_in(3) {
            send(std::mem::take(&mut batch), source(dice), dice.below(busy / 2));
        }
        if dice.once_in(5) {
            send(vec![(number, 0)], source(dice), dice.below(busy));
        }
        if instance.versions.len() > 1 {
            send(vec![(number, 1)], source(dice), dice.below(busy));
        }
    }
    sendings
}

fn targets(dice: &Dice, names: &[String], grouped: bool) -> Vec<String> {
    let mut targets = Vec::new();
    if grouped && !dice.once_in(3) {
        targets.push("readers".to_owned());
    }
    for name in names {
        if dice.once_in(2) {
            targets.push(name.clone());
        }
    }
    if targets.is_empty() {
        targets.push(dice.pick(names));
    }
    targets
}

fn rules(dice: &Dice, targets: &dyn Fn(&Dice) -> Vec<String>) -> Vec<RulePlan> {
    let count = dice.pick(&[0, 1, 1, 1, 2, 2, 3]);
    let rule = |number: u64| {
        let from = dice.below(10);
        RulePlan {
            id: format!("r{number}"),
            modality: dice.once_in(3).then(|| CLASSES[dice.below(3) as usize].0),
            source: dice.once_in(5).then(|| SOURCES[dice.below(3) as usize]),
            during: dice.once_in(5).then(|| (from, from + 1 + dice.below(10))),
            send_to: targets(dice),
        }
    };
    (0..count).map(rule).collect()
}

fn orders(dice: &Dice, studies: usize, busy: u64) -> Vec<(u64, usize, bool)> {
    let mut orders = Vec::new();
    for study in 0..studies {
        if dice.once_in(2) {
            let at = dice.below(busy / 2);
            orders.push((at, study, dice.once_in(4)));
            if dice.once_in(2) {
                orders.push((at + 1 + dice.below(busy / 2), study, dice.once_in(2)));
            }
        }
    }
    orders.sort_unstable();
    orders
}

fn wishes(dice: &Dice, studies: usize, destinations: usize, busy: u64) -> Vec<Wish> {
    let count = if dice.once_in(2) { 0 } else { 1 + dice.below(5) };
    let number = |limit: usize| usize::try_from(dice.below(limit as u64)).unwrap_or(0);
    let wish = |_| Wish {
        at: 2 + dice.below(busy),
        study: number(studies),
        kind: match dice.below(8) {
            0 => WishKind::Hold,
            1 => WishKind::Release,
            2 => WishKind::Cancel,
            3 => WishKind::Raise,
            4 | 5 => WishKind::Reroute,
            6 => WishKind::Resend,
            _ => WishKind::Requeue,
        },
        destination: dice.once_in(2).then(|| number(destinations)),
        other: number(destinations),
    };
    let mut wishes: Vec<Wish> = (0..count).map(wish).collect();
    wishes.sort_by_key(|wish| wish.at);
    wishes
}

fn restarts(dice: &Dice, busy: u64) -> Vec<Restart> {
    let count = dice.pick(&[0, 0, 1, 1, 2]);
    let restart = |_| Restart {
        at: dice.below(busy * 1000),
        commit: (!dice.once_in(3)).then(|| 1 + dice.below(25)),
        crash: !dice.once_in(3),
        other_rules: dice.once_in(2),
    };
    (0..count).map(restart).collect()
}

fn disk(dice: &Dice, busy: u64) -> Vec<Episode<DiskFault>> {
    let mut disk = Vec::new();
    for kind in [
        DiskFault::CommitFails,
        DiskFault::CommitUncertain,
        DiskFault::PayloadFails,
        DiskFault::Unreadable,
    ] {
        if dice.once_in(8) {
            disk.push(episode(dice, busy, kind));
        }
    }
    disk
}

fn room(dice: &Dice, busy: u64) -> Vec<(u64, u64)> {
    if !dice.once_in(6) {
        return Vec::new();
    }
    let at = dice.below(busy);
    vec![(at, dice.pick(&[0, 70])), (at + 1 + dice.below(120), 1000)]
}

fn study_uid(study: usize) -> String {
    format!("2.25.{}", 500 + study)
}

/// Shared by every schedule: 100 bytes free are the soft watermark, 50 the hard one.
const HEAD: &str = r#"data_directory = "unused"
[dicom]
ae_title = "TELERAD"
listen = "telerad:104"
[hl7]
listen = "telerad:2575"
application = "TELERAD"
facility = "GATEWAY"
[spool]
soft = { bytes_free = 100 }
hard = { bytes_free = 50 }
[[hl7_source]]
site = "north"
application = "RIS"
facility = "NORTH"
role = "ris"
[[lane]]
id = "emergency"
when = { source = ["ER"] }
lane = "stat"
[[lane]]
id = "mr"
when = { modality = ["MR"] }
lane = "high"
[[site]]
id = "north"
accession_issuer = "NORTH"
patient_authority = "NORTH-MRN"
"#;

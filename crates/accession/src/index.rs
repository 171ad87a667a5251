//! The candidates of a site, in memory.

mod record;
mod slots;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;

use telerad_core::{AccessionNumber, EntityIdentifier, Issuer, Order, PatientId, Uid};

use self::record::{Entry, IssuerNumber, Packed, Records};
use self::slots::{KeyHash, Slots};
use crate::decide::{Judgement, judge};
use crate::evidence::{Notes, Unheard};
use crate::patient::same_issuer;
use crate::view::View;
use crate::{
    AccessionPolicy, CANDIDATES_MAX, CandidateSource, Claim, Decision, Evidence, OrderSide,
    Outcome, PatientSide, is_identifying,
};

/// Orders and heads of received studies of one site, found by study instance UID, by accession number as written, after the
/// declared rules and cut, each with its issuer, by filler and by placer order number.
///
/// [`decide`](Self::decide) gives what [`decide`](crate::decide) gives over everything that shares an identifier with the
/// claim, without building sentences; [`explain`](Self::explain) builds them. Every hit is compared by the value itself.
///
/// It takes about 180 bytes for an order with four numbers of ten characters and a study instance UID of 44. Numbers are
/// looked up under the rules of the policy that it was built with: with other rules it has to be built again, and so from time
/// to time when much was removed, since that memory is not used again.
pub struct CandidateIndex {
    policy: AccessionPolicy,
    records: Records,
    slots: Slots,
    issuers: Vec<Issuer>,
    issuer_numbers: HashMap<Issuer, IssuerNumber>,
    /// For each issuer, those that may be the same.
    alike: Vec<Vec<IssuerNumber>>,
    len: usize,
    heads: usize,
}

/// A decision by the caller's own handles.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IndexDecision {
    /// What kind of decision.
    pub outcome: Outcome,
    /// Of the candidates it names, sorted: one for a match, none without a candidate.
    pub handles: Vec<u64>,
    /// The cell of the decision table, where one candidate was left.
    pub sides: Option<(OrderSide, PatientSide)>,
}

/// Why a candidate is not in the index.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The capacity that was given is used up.
    #[error("the index is full")]
    Full,
    /// More than 65,535 different issuers.
    #[error("too many issuers")]
    Issuers,
    /// Names or identifiers together are longer than 65,535 bytes, or there are more than 255 patient identifiers.
    #[error("the candidate is too long for the index")]
    TooLong,
}

impl CandidateIndex {
    /// For up to about `candidates` orders and heads. The memory is taken at once.
    pub fn with_capacity(policy: AccessionPolicy, candidates: usize) -> Self {
        let keys = KEYS_USUAL + usize::from(!policy.rules.is_empty());
        let mut index = Self {
            records: Records::with_capacity(candidates.saturating_mul(RECORD_BYTES_USUAL)),
            slots: Slots::with_capacity(candidates.saturating_mul(keys)),
            issuers: Vec::new(),
            issuer_numbers: HashMap::new(),
            alike: Vec::new(),
            len: 0,
            heads: 0,
            policy,
        };
        if let Some(issuer) = index.policy.default_issuer.clone() {
            // The first issuer always has a number left.
            let _ = index.number(Some(&issuer));
        }
        index
    }

    /// Adds an order or the head of a received study under the caller's own `handle`; what has one handle is one candidate, as
    /// with [`Candidate::key`](crate::Candidate::key), and is found together only where it shares the study instance UID or
    /// the accession number: one order to a handle. `also_known_as` are further identifiers of the patient.
    ///
    /// # Errors
    /// [`IndexError`]; then nothing was added.
    pub fn insert(
        &mut self,
        handle: u64,
        order: &Order,
        source: CandidateSource,
        also_known_as: &[PatientId],
    ) -> Result<(), IndexError> {
        if self.slots.is_full_for(KEYS_MAX) {
            return Err(IndexError::Full);
        }
        let filler = order.filler_order_number.as_ref();
        let placer = order.placer_order_number.as_ref();
        let mut id_issuers = Vec::with_capacity(order.patient.ids.len() + also_known_as.len());
        for id in order.patient.ids.iter().chain(also_known_as) {
            id_issuers.push(self.number(id.issuer())?);
        }
        let entry = Entry {
            handle,
            order,
            source,
            also_known_as,
            accession_issuer: self.number(order.accession.issuer())?,
            filler_issuer: self.number(filler.and_then(EntityIdentifier::issuer))?,
            placer_issuer: self.number(placer.and_then(EntityIdentifier::issuer))?,
            id_issuers,
        };
        let by = self.policy.issuer_of(&order.accession);
        let by = match by.map(|issuer| self.known_number(issuer).ok_or(issuer)) {
            None => 0,
            Some(Ok(number)) => number,
            Some(Err(issuer)) => {
                let issuer = issuer.clone();
                self.number(Some(&issuer))?
            }
        };
        let texts = self.texts(Some(&order.accession));
        let mut keys = Few::default();
        keys.add(SearchedKey::new(UID, 0, order.study_instance_uid.as_str()));
        texts.each(|text| keys.add(SearchedKey::new(ACCESSION, by, text)));
        for (kind, number, issuer) in
            [(FILLER, filler, entry.filler_issuer), (PLACER, placer, entry.placer_issuer)]
        {
            if let Some(number) = number.filter(|number| is_identifying(number.value())) {
                keys.add(SearchedKey::new(kind, issuer, number.value()));
            }
        }
        self.slots.touch(keys.iter().map(|key| key.hash));
        let place = self.records.add(&entry)?;
        for key in keys.iter() {
            self.slots.add(key.hash, place, CANDIDATES_MAX);
        }
        self.len += 1;
        self.heads += usize::from(source == CandidateSource::StudyHead);
        Ok(())
    }

    /// Takes out every entry with this handle and study instance UID, and says how many there were.
    pub fn remove(&mut self, handle: u64, study_instance_uid: &Uid) -> usize {
        let mut places = Vec::new();
        self.slots.find(KeyHash::new(UID, 0, study_instance_uid.as_str()), |place| {
            places.push(place);
            ControlFlow::Continue(())
        });
        let mut removed = 0;
        for place in places {
            let Some(view) = self.records.view(place, &self.issuers) else { continue };
            if view.key == handle && view.study_instance_uid == study_instance_uid.as_str() {
                let is_head = view.source == CandidateSource::StudyHead;
                self.records.kill(place);
                removed += 1;
                self.len = self.len.saturating_sub(1);
                self.heads = self.heads.saturating_sub(usize::from(is_head));
            }
        }
        removed
    }

    /// How many candidates it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory that it takes, in bytes, apart from the names of issuers.
    pub fn bytes(&self) -> usize {
        self.records.bytes() + self.slots.bytes()
    }

    /// Decides what a claim belongs to.
    pub fn decide(&self, claim: &Claim) -> IndexDecision {
        let judgement = self.judge(claim, &mut Unheard);
        IndexDecision {
            outcome: judgement.outcome,
            handles: judgement.keys,
            sides: judgement.sides,
        }
    }

    /// The same decision with its evidence; keys are handles in decimal.
    pub fn explain(&self, claim: &Claim) -> Decision {
        let mut evidence = Evidence::default();
        self.judge(claim, &mut evidence).explained(evidence)
    }

    fn judge(&self, claim: &Claim, notes: &mut impl Notes) -> Judgement<u64> {
        let (views, is_whole) = self.search(claim);
        if is_whole {
            return judge(claim, &views, &self.policy, notes);
        }
        // Not all of them were read, so that nothing can be said about any.
        notes.say(None, || {
            (format!("more than {CANDIDATES_MAX} candidates are not compared"), Vec::new())
        });
        let mut keys: Vec<u64> = views.iter().map(|view| view.key).collect();
        keys.sort_unstable();
        keys.dedup();
        Judgement { outcome: Outcome::Ambiguous, keys, sides: None }
    }

    /// Everything that shares an identifier with the claim, and, where studies have come, everything that shares a study
    /// or a number with one of these; `false` when there is too much.
    fn search(&self, claim: &Claim) -> (Vec<View<'_, u64, Packed<'_>>>, bool) {
        let mut found = Found { places: Vec::with_capacity(4), views: Vec::with_capacity(4) };
        let mut keys = Few::default();
        if let Some(uid) = &claim.study_instance_uid {
            keys.add(SearchedKey::new(UID, 0, uid.as_str()));
        }
        let texts = self.texts(claim.accession.as_ref());
        if let Some(number) = &claim.accession {
            let issuer = self.policy.issuer_of(number);
            self.with_alike(ACCESSION, issuer, |by| {
                texts.each(|text| keys.add(SearchedKey::new(ACCESSION, by, text)));
            });
        }
        for (kind, number) in [(FILLER, &claim.filler), (PLACER, &claim.placer)] {
            if let Some(number) = number.as_ref().filter(|one| is_identifying(one.value())) {
                let key = |by| SearchedKey::new(kind, by, number.value());
                self.with_alike(kind, number.issuer(), |by| keys.add(key(by)));
            }
        }
        let mut is_whole = self.collect(&keys, &mut found);
        let mut next = 0;
        while self.heads > 0 && is_whole {
            let Some(view) = found.views.get(next).copied() else { break };
            next += 1;
            let mut keys = Few::default();
            keys.add(SearchedKey::new(UID, 0, view.study_instance_uid));
            let issuer = self.policy.issuer_named(view.accession.value, view.accession.issuer);
            let texts = Texts::new(view.accession.value, issuer, &self.policy);
            self.with_alike(ACCESSION, issuer, |by| {
                texts.each(|text| keys.add(SearchedKey::new(ACCESSION, by, text)));
            });
            is_whole = self.collect(&keys, &mut found);
        }
        (found.views, is_whole)
    }

    fn collect<'a>(&'a self, keys: &Few<SearchedKey<'_>>, found: &mut Found<'a>) -> bool {
        self.slots.touch(keys.iter().map(|key| key.hash));
        let mut is_whole = true;
        for key in keys.iter() {
            let mut hits = 0;
            self.slots.find(key.hash, |place| {
                hits += 1;
                if hits > CANDIDATES_MAX || found.views.len() > CANDIDATES_MAX {
                    is_whole = false;
                    return ControlFlow::Break(());
                }
                if found.places.contains(&place) {
                    return ControlFlow::Continue(());
                }
                let view = self.records.view(place, &self.issuers);
                if let Some(view) = view.filter(|view| self.holds(view, key)) {
                    found.places.push(place);
                    found.views.push(view);
                }
                ControlFlow::Continue(())
            });
        }
        is_whole
    }

    /// Whether the record really holds what its hash stands for.
    fn holds(&self, view: &View<'_, u64, Packed<'_>>, key: &SearchedKey<'_>) -> bool {
        let number = view.accession;
        match key.kind {
            UID => view.study_instance_uid == key.text,
            FILLER => view.filler.is_some_and(|number| number.value == key.text),
            PLACER => view.placer.is_some_and(|number| number.value == key.text),
            _ if number.value == key.text => true,
            _ => {
                let issuer = self.policy.issuer_named(number.value, number.issuer);
                let (whole, stem) = self.policy.texts(number.value, issuer);
                whole.as_deref() == Some(key.text) || stem.as_deref() == Some(key.text)
            }
        }
    }

    fn texts<'n>(&self, number: Option<&'n AccessionNumber>) -> Texts<'n> {
        number.map_or(Texts([None, None, None]), |number| {
            Texts::new(number.value(), self.policy.issuer_of(number), &self.policy)
        })
    }

    /// The number of an issuer, given now where it has none.
    fn number(&mut self, issuer: Option<&Issuer>) -> Result<IssuerNumber, IndexError> {
        let Some(issuer) = issuer else { return Ok(0) };
        if let Some(number) = self.known_number(issuer) {
            return Ok(number);
        }
        let number = IssuerNumber::try_from(self.issuers.len() + 1);
        let number = number.map_err(|_| IndexError::Issuers)?;
        let mut alike = Vec::new();
        for (other, (theirs, known)) in (1..).zip(self.issuers.iter().zip(&mut self.alike)) {
            if same_issuer(Some(issuer), Some(theirs)) != Some(false) {
                alike.push(other);
                known.push(number);
            }
        }
        alike.push(number);
        self.alike.push(alike);
        self.issuers.push(issuer.clone());
        self.issuer_numbers.insert(issuer.clone(), number);
        Ok(number)
    }

    fn known_number(&self, issuer: &Issuer) -> Option<IssuerNumber> {
        if self.issuers.len() > ISSUERS_FEW {
            return self.issuer_numbers.get(issuer).copied();
        }
        let index = self.issuers.iter().position(|known| known == issuer)?;
        IssuerNumber::try_from(index + 1).ok()
    }

    /// Calls `each` for every issuer under which a number may be the same. An accession number of nobody may be anybody's,
    /// which has to be seen; an order number of nobody is equal to those of nobody only.
    fn with_alike(&self, kind: u8, issuer: Option<&Issuer>, mut each: impl FnMut(IssuerNumber)) {
        let all = 1..=self.issuers.len() as IssuerNumber;
        let Some(issuer) = issuer else {
            each(0);
            return if kind == ACCESSION {
                all.for_each(each)
            };
        };
        if kind == ACCESSION {
            each(0);
        }
        match self.known_number(issuer) {
            Some(number) => {
                let alike = self.alike.get(usize::from(number) - 1);
                alike.into_iter().flatten().copied().for_each(each);
            }
            None => all
                .zip(&self.issuers)
                .filter(|(_, theirs)| same_issuer(Some(issuer), Some(theirs)) != Some(false))
                .for_each(|(number, _)| each(number)),
        }
    }
}

impl std::fmt::Debug for CandidateIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CandidateIndex({} candidates)", self.len)
    }
}

struct Found<'a> {
    places: Vec<u32>,
    views: Vec<View<'a, u64, Packed<'a>>>,
}

/// One key with its text, so that a hit can be compared.
#[derive(Clone, Copy)]
struct SearchedKey<'a> {
    hash: KeyHash,
    kind: u8,
    text: &'a str,
}

impl<'a> SearchedKey<'a> {
    fn new(kind: u8, issuer: IssuerNumber, text: &'a str) -> Self {
        Self { hash: KeyHash::new(kind, issuer, text), kind, text }
    }
}

/// The texts of an accession number: as written, whole after the rules, cut. None of one that identifies nothing.
struct Texts<'a>([Option<Cow<'a, str>>; 3]);

impl<'a> Texts<'a> {
    fn new(value: &'a str, issuer: Option<&Issuer>, policy: &AccessionPolicy) -> Self {
        if !is_identifying(value) {
            return Self([None, None, None]);
        }
        let (whole, stem) = policy.texts(value, issuer);
        Self([Some(Cow::Borrowed(value)), whole, stem.map(Cow::Owned)])
    }

    fn each<'t>(&'t self, each: impl FnMut(&'t str)) {
        self.0.iter().flatten().map(|text| &**text).for_each(each);
    }
}

/// A few things without memory of their own, or many with it.
struct Few<T> {
    few: [Option<T>; 6],
    count: usize,
    more: Vec<T>,
}

impl<T: Copy> Few<T> {
    fn add(&mut self, one: T) {
        match self.few.get_mut(self.count) {
            Some(free) => *free = Some(one),
            None => self.more.push(one),
        }
        self.count += 1;
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.few.iter().take(self.count).flatten().chain(&self.more)
    }
}

impl<T: Copy> Default for Few<T> {
    fn default() -> Self {
        Self { few: [None; 6], count: 0, more: Vec::new() }
    }
}

const UID: u8 = 1;
const ACCESSION: u8 = 2;
const FILLER: u8 = 3;
const PLACER: u8 = 4;

/// Study instance UID, accession number, filler and placer.
const KEYS_USUAL: usize = 4;
/// These, and the accession number whole and cut.
const KEYS_MAX: usize = 6;
const RECORD_BYTES_USUAL: usize = 136;
/// Up to so many issuers are found faster one by one than by their hash.
const ISSUERS_FEW: usize = 8;

#[cfg(test)]
mod tests;

//! Which site a connection belongs to, decided before anything is looked up.
//!
//! Default deny: a caller that no configuration names belongs to no site and is served nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use telerad_accession::AccessionPolicy;
use telerad_core::{AeTitle, SiteId};
use telerad_hl7::Message;
use telerad_net::Remote;
use telerad_net::tls::{CertificateMatch, CertificatePolicy, CertificateRefusal};
use telerad_routing::LaneRules;
use telerad_worklist::reconcile::ReconcilePolicy;
use telerad_worklist::{AdtFeed, Mapping, PerformedRules};

use crate::configuration::{
    Acknowledge, Configuration, Hl7Role, Service, SourcePriority, WorklistView,
};

/// What a calling application entity may do.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) site: SiteId,
    pub(crate) priority: SourcePriority,
    /// How long its C-STOREs wait for the answers of destinations; `None` where they do not.
    pub(crate) waits: Option<Duration>,
    pub(crate) services: Vec<Service>,
    pub(crate) worklist: WorklistView,
}

impl Caller {
    pub(crate) fn may(&self, service: Service) -> bool {
        self.services.contains(&service)
    }
}

/// What an HL7 sender is.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) site: SiteId,
    pub(crate) role: Hl7Role,
    pub(crate) adt_feed: AdtFeed,
}

/// Callers, senders and sites by name.
#[derive(Debug)]
pub(crate) struct Directory {
    callers: BTreeMap<AeTitle, Caller>,
    senders: BTreeMap<(String, String), Sender>,
    lanes: LaneRules,
    policies: BTreeMap<SiteId, AccessionPolicy>,
    /// Of each site, and of each of its facilities that has one of its own.
    mappings: BTreeMap<(SiteId, Option<String>), Mapping>,
    performed_rules: BTreeMap<SiteId, PerformedRules>,
    reconcile: BTreeMap<SiteId, ReconcilePolicy>,
    /// Which certificates entitle to which names; `None` where no source has to show one.
    callers_proof: Option<CertificatePolicy<AeTitle>>,
    senders_proof: Option<CertificatePolicy<(String, String)>>,
}

impl Directory {
    pub(crate) fn new(configuration: &Configuration) -> Self {
        let callers = configuration.sources.iter().map(|source| {
            let caller = Caller {
                site: source.site.get_ref().clone(),
                priority: source.priority,
                waits: (source.acknowledge == Acknowledge::AfterDelivery)
                    .then(|| Duration::from_secs(source.acknowledge_seconds_max)),
                services: source.services.clone(),
                worklist: source.worklist,
            };
            (source.ae_title.get_ref().clone(), caller)
        });
        let senders = configuration.hl7_sources.iter().map(|source| {
            let name = (source.application.get_ref().clone(), source.facility.clone());
            let (site, adt_feed) = (source.site.get_ref().clone(), source.adt_feed);
            (name, Sender { site, role: source.role, adt_feed })
        });
        let policies = configuration
            .sites
            .iter()
            .map(|site| (site.id.get_ref().clone(), site.accession_policy()));
        let mappings = configuration.sites.iter().flat_map(|site| {
            let id = site.id.get_ref();
            let of_facilities = site.facilities.iter().map(|facility| {
                let name = facility.name.get_ref().clone();
                ((id.clone(), Some(name)), site.mapping_of(facility))
            });
            std::iter::once(((id.clone(), None), site.mapping())).chain(of_facilities)
        });
        let performed_rules = configuration
            .sites
            .iter()
            .map(|site| (site.id.get_ref().clone(), site.performed_rules()));
        let reconcile = configuration
            .sites
            .iter()
            .map(|site| (site.id.get_ref().clone(), site.reconcile_policy()));
        let callers_proof = configuration.sources.iter().filter_map(|source| {
            let certificates = source.certificate.as_ref()?.get_ref().0.clone();
            Some((source.ae_title.get_ref().clone(), certificates))
        });
        let senders_proof = configuration.hl7_sources.iter().filter_map(|source| {
            let certificates = source.certificate.as_ref()?.get_ref().0.clone();
            let name = (source.application.get_ref().clone(), source.facility.clone());
            Some((name, certificates))
        });
        let lanes = configuration.lanes.iter().map(|rule| rule.get_ref().clone());
        Self {
            callers_proof: policy(callers_proof),
            senders_proof: policy(senders_proof),
            mappings: mappings.collect(),
            performed_rules: performed_rules.collect(),
            reconcile: reconcile.collect(),
            callers: callers.collect(),
            lanes: LaneRules { rules: lanes.collect() },
            senders: senders.collect(),
            policies: policies.collect(),
        }
    }

    pub(crate) fn caller(&self, ae_title: &AeTitle) -> Option<&Caller> {
        self.callers.get(ae_title)
    }

    /// The longest that a C-STORE of any source waits for the answers of destinations.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.callers.values().filter_map(|caller| caller.waits).max().unwrap_or_default()
    }

    /// How urgent studies are.
    pub(crate) fn lanes(&self) -> &LaneRules {
        &self.lanes
    }

    pub(crate) fn sender(&self, application: &str, facility: &str) -> Option<&Sender> {
        self.senders.get(&(application.to_owned(), facility.to_owned()))
    }

    /// Whether the sender of a message has an ADT feed beside it.
    pub(crate) fn adt_feed(&self, message: &Message) -> AdtFeed {
        let sender = self.sender(&message.sending_application(), &message.sending_facility());
        sender.map(|sender| sender.adt_feed).unwrap_or_default()
    }

    /// Whether this peer has proved that it may call itself so.
    pub(crate) fn entitles_caller(
        &self,
        ae_title: &AeTitle,
        remote: &Remote,
    ) -> Result<(), CertificateRefusal> {
        entitles(self.callers_proof.as_ref(), ae_title, remote)
    }

    /// Whether this peer has proved that it may send in this name (MSH-3, MSH-4).
    pub(crate) fn entitles_sender(
        &self,
        application: &str,
        facility: &str,
        remote: &Remote,
    ) -> Result<(), CertificateRefusal> {
        let name = (application.to_owned(), facility.to_owned());
        entitles(self.senders_proof.as_ref(), &name, remote)
    }

    pub(crate) fn accession_policy(&self, site: &SiteId) -> AccessionPolicy {
        self.policies.get(site).cloned().unwrap_or_default()
    }

    /// What the site declares for comparing images with their orders.
    pub(crate) fn reconcile_policy(&self, site: &SiteId) -> Cow<'_, ReconcilePolicy> {
        self.reconcile.get(site).map_or_else(Cow::default, Cow::Borrowed)
    }

    /// How messages of a facility (MSH-4) are read, by the site's own declaration where the facility has none.
    pub(crate) fn mapping(&self, site: &SiteId, facility: &str) -> Mapping {
        let of = |facility| self.mappings.get(&(site.clone(), facility));
        let mapping = of(Some(facility.to_owned())).or_else(|| of(None));
        mapping.cloned().unwrap_or_else(|| Mapping::new(site.clone()))
    }

    /// How the site's performed procedure steps are read.
    pub(crate) fn performed_rules(&self, site: &SiteId) -> PerformedRules {
        let rules = self.performed_rules.get(site).cloned();
        rules.unwrap_or_else(|| PerformedRules::new(site.clone()))
    }
}

fn policy<N: PartialEq>(
    allowed: impl Iterator<Item = (N, CertificateMatch)>,
) -> Option<CertificatePolicy<N>> {
    let mut allowed = allowed.peekable();
    allowed.peek()?;
    let nobody = CertificatePolicy::new();
    Some(allowed.fold(nobody, |policy, (name, certificates)| policy.allow(name, certificates)))
}

fn entitles<N: PartialEq>(
    policy: Option<&CertificatePolicy<N>>,
    name: &N,
    remote: &Remote,
) -> Result<(), CertificateRefusal> {
    policy.map_or(Ok(()), |policy| policy.permits(name, remote.identity.as_deref()))
}

#[cfg(test)]
mod tests {
    use telerad_net::Remote;
    use telerad_net::tls::{Fingerprint, PeerIdentity};

    use super::Directory;
    use crate::configuration::Configuration;

    const TEXT: &str = r#"data_directory = "data"
[dicom]
ae_title = "TELERAD"
listen = "127.0.0.1:11112"
tls = { certificate = "g.pem", key = "g.key", ca = "ca.pem" }
[hl7]
listen = "127.0.0.1:2575"
application = "TELERAD"
facility = "GATEWAY"
tls = { certificate = "g.pem", key = "g.key", ca = "ca.pem" }
[[site]]
id = "north"
[[source]]
site = "north"
ae_title = "CT1"
certificate = "ct1.north.example"
[[hl7_source]]
site = "north"
application = "RIS"
facility = "NORTH"
role = "ris"
certificate = "ris.north.example"
"#;

    fn remote(name: &str) -> Remote {
        let mut identity = PeerIdentity::new(Fingerprint::from_bytes([1; 32]));
        identity.alternative_names = vec![name.to_owned()];
        Remote::at("192.0.2.7:40123").identified(Some(identity))
    }

    #[test]
    fn a_name_is_for_those_with_its_certificate() {
        let directory = Directory::new(&Configuration::from_toml(TEXT, "g.toml").unwrap());
        let caller =
            |remote: &Remote| directory.entitles_caller(&"CT1".parse().unwrap(), remote).is_ok();
        let sender = |remote: &Remote| directory.entitles_sender("RIS", "NORTH", remote).is_ok();
        assert!(caller(&remote("ct1.north.example")) && !sender(&remote("ct1.north.example")));
        assert!(sender(&remote("ris.north.example")) && !caller(&remote("ris.north.example")));
        let nobody = Remote::at("192.0.2.7:40123");
        assert!(!caller(&nobody) && !sender(&nobody));
    }

    #[test]
    fn where_no_source_names_a_certificate_none_is_needed() {
        let free = TEXT.replace("certificate = \"ct1.north.example\"\n", "");
        let directory = Directory::new(&Configuration::from_toml(&free, "g.toml").unwrap());
        let nobody = Remote::at("192.0.2.7:40123");
        assert!(directory.entitles_caller(&"CT1".parse().unwrap(), &nobody).is_ok());
    }
}

//! Which site a connection belongs to, decided before anything is looked up.
//!
//! Default deny: a caller that no configuration names belongs to no site and is served nothing.

use std::collections::BTreeMap;

use telerad_accession::AccessionPolicy;
use telerad_core::{AeTitle, SiteId};
use telerad_worklist::Mapping;

use crate::configuration::{Configuration, Hl7Role, Service};

/// What a calling application entity may do.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) site: SiteId,
    pub(crate) services: Vec<Service>,
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
}

/// Callers, senders and sites by name.
#[derive(Debug)]
pub(crate) struct Directory {
    callers: BTreeMap<AeTitle, Caller>,
    senders: BTreeMap<(String, String), Sender>,
    policies: BTreeMap<SiteId, AccessionPolicy>,
    mappings: BTreeMap<SiteId, Mapping>,
}

impl Directory {
    pub(crate) fn new(configuration: &Configuration) -> Self {
        let callers = configuration.sources.iter().map(|source| {
            let caller =
                Caller { site: source.site.get_ref().clone(), services: source.services.clone() };
            (source.ae_title.get_ref().clone(), caller)
        });
        let senders = configuration.hl7_sources.iter().map(|source| {
            let name = (source.application.get_ref().clone(), source.facility.clone());
            (name, Sender { site: source.site.get_ref().clone(), role: source.role })
        });
        let policies = configuration
            .sites
            .iter()
            .map(|site| (site.id.get_ref().clone(), site.accession_policy()));
        let mappings =
            configuration.sites.iter().map(|site| (site.id.get_ref().clone(), site.mapping()));
        Self {
            mappings: mappings.collect(),
            callers: callers.collect(),
            senders: senders.collect(),
            policies: policies.collect(),
        }
    }

    pub(crate) fn caller(&self, ae_title: &AeTitle) -> Option<&Caller> {
        self.callers.get(ae_title)
    }

    pub(crate) fn sender(&self, application: &str, facility: &str) -> Option<&Sender> {
        self.senders.get(&(application.to_owned(), facility.to_owned()))
    }

    pub(crate) fn accession_policy(&self, site: &SiteId) -> AccessionPolicy {
        self.policies.get(site).cloned().unwrap_or_default()
    }

    pub(crate) fn mapping(&self, site: &SiteId) -> Mapping {
        self.mappings.get(site).cloned().unwrap_or_else(|| Mapping::new(site.clone()))
    }
}

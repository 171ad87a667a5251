//! What changes in the course of a day: an order is cancelled, a patient turns out to be another record's, images come
//! before their order, and the platform hears of all of it.

use std::sync::Arc;

use telerad::core::SiteId;
use telerad::dicom::tags;
use telerad::hl7::Message;
use telerad::net::{Clock, SystemClock};
use telerad::store::Journal;
use telerad::store::sqlite::SqliteStore;

use crate::cast::{Case, UNORDERED_STUDY};
use crate::day::{Day, count};
use crate::images;
use crate::ris;

impl Day {
    /// 6. The RIS takes an order back: the step is gone from the worklist.
    pub(crate) async fn cancelled(&mut self) -> anyhow::Result<()> {
        let case = Case::cancelled();
        self.ordered(&case).await?;
        let before = self.steps_for(&case).await?;
        let hl7 = self.gateway()?.hl7.clone();
        ris::send(&hl7, &ris::cancel(&case, SystemClock.timestamp())).await?;
        self.say("RIS", format!("ORM^O01, order {} cancelled: AA", case.accession));
        let after = self.steps_for(&case).await?;
        self.results.row("steps of the order before its cancellation", 1, before.len());
        self.results.row("steps of the order after it", 0, after.len());
        Ok(())
    }

    /// 7. A patient who was registered in a hurry is known already: the records become one (ADT^A40).
    pub(crate) async fn merged(&mut self) -> anyhow::Result<()> {
        let (case, known) = (Case::temporary(), Case::known());
        self.ordered(&case).await?;
        let hl7 = self.gateway()?.hl7.clone();
        ris::send(&hl7, &ris::adt_a04(&known, SystemClock.timestamp())).await?;
        ris::send(&hl7, &ris::adt_a40(&known, &case, SystemClock.timestamp())).await?;
        self.say("RIS", format!("ADT^A40, {} is {}: AA", case.mrn, known.mrn));
        let patients = self.steps_for(&case).await?;
        self.results.row("patient of the step after the merge", known.mrn, patients.join(" "));
        Ok(())
    }

    /// 8. The order of the images that came without one.
    pub(crate) async fn late_order(&mut self) -> anyhow::Result<()> {
        let case = Case::late();
        self.ordered(&case).await?;
        self.say("RIS", "the order of the images that nobody had ordered");
        Ok(())
    }

    async fn ordered(&mut self, case: &Case) -> anyhow::Result<()> {
        let hl7 = self.gateway()?.hl7.clone();
        ris::send(&hl7, &ris::adt_a04(case, SystemClock.timestamp())).await?;
        ris::send(&hl7, &ris::orm_o01(case, SystemClock.timestamp())).await?;
        self.say("RIS", format!("ADT^A04, ORM^O01 for {}: AA, AA", case.accession));
        Ok(())
    }

    /// The patient IDs of the steps that the worklist has for the order.
    async fn steps_for(&self, case: &Case) -> anyhow::Result<Vec<String>> {
        let peer = images::gateway(&self.gateway()?.dicom, "MODALITY")?;
        let today = SystemClock.timestamp().to_compact_utc();
        let steps = images::worklist(&peer, case.modality, &today[..8]).await?;
        let text = |step: &telerad::dicom::DataSet, tag| step.text(tag).unwrap_or_default();
        let of_order = steps.iter().filter(|it| text(it, tags::ACCESSION_NUMBER) == case.accession);
        Ok(of_order.map(|step| text(step, tags::PATIENT_ID)).collect())
    }

    /// Waits until the platform has heard of every order, of the cancellation and of the merge.
    pub(crate) async fn onward(&mut self) -> anyhow::Result<()> {
        let inbox = Arc::clone(&self.platform_hl7.inbox);
        let expected = self.cases.len() + 3;
        let has_all = || {
            let told = inbox.lock().unwrap_or_else(|it| it.into_inner());
            let orders = told.iter().filter(|message| is_order(message, "NW")).count();
            orders >= expected
                && told.iter().any(|message| is_order(message, "CA"))
                && told.iter().any(is_merge)
        };
        self.until("the platform to hear of every order", has_all).await?;
        self.say("platform", format!("heard {} messages about orders", count(&inbox)));
        let told = inbox.lock().unwrap_or_else(|it| it.into_inner()).clone();
        let of = |control: &str| told.iter().filter(|it| is_order(it, control)).count();
        self.results.row("orders told to the platform", expected, of("NW"));
        self.results.row("cancellations told to the platform", 1, of("CA"));
        let merges = told.iter().filter(|it| is_merge(it)).count();
        self.results.row("merges told to the platform", 1, merges);
        Ok(())
    }

    /// Whether the images of the late order were linked to it.
    pub(crate) async fn linked_rows(&mut self, store: &SqliteStore) -> anyhow::Result<()> {
        let site = SiteId::new("north")?;
        let told = store.journal_of(&site, &[UNORDERED_STUDY.to_owned()]).await?;
        let linked = told.iter().filter(|entry| entry.event == "linked").count();
        self.results.row("images linked to the order that came later", 1, linked);
        Ok(())
    }
}

fn is_order(message: &Message, control: &str) -> bool {
    message.message_code() == "ORM" && message.text("ORC-1").as_deref() == Some(control)
}

fn is_merge(message: &Message) -> bool {
    message.message_code() == "ADT" && message.trigger_event() == "A40"
}

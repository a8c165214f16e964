//! From the bytes of one answer to the reading of one host.

use std::sync::Arc;

use super::exposition::{self, Sample, Tally};
use super::families::{self, FamilyId, Field};
use super::gpus::{Gpu, Gpus, MAX_GPUS, Place};
use super::guards::{Broken, Guards};
use super::identity::{self, Identity};
use super::node::{CpuTime, NodePage};
use super::recall::{Places, Recall};
use crate::model::batch::{GpuFacts, HostFacts, HostReading};
use crate::model::{GpuReading, Timestamp};

/// What is known of a target from its earlier pages.
#[derive(Clone, Debug)]
pub struct Memo {
    host: Arc<HostFacts>,
    /// So many of its labels, from the front, are those of the target list.
    given: usize,
    gpus: Vec<Known>,
    cpu: Option<CpuTime>,
    /// What lets the next page be read without its labels.
    recall: Option<Recall>,
}

/// A GPU as it was last reported.
#[derive(Clone, Debug)]
struct Known {
    index: u16,
    facts: Arc<GpuFacts>,
}

/// What one page said.
#[derive(Clone, Debug)]
pub struct Page {
    /// Values of the host and its GPUs.
    pub host: HostReading,
    /// Lines and samples.
    pub tally: Tally,
    /// Series that repeat another one of the page; the first one counts.
    pub repeated: u32,
    /// Samples left out because they carry a time that is too long ago.
    pub old: u32,
}

impl Memo {
    /// A target called `name` with the labels of the target list.
    #[must_use]
    pub fn new(name: &str, labels: &[(String, String)]) -> Self {
        let host = Arc::new(HostFacts { host: name.to_owned(), labels: labels.to_vec() });
        Self { host, given: labels.len(), gpus: Vec::new(), cpu: None, recall: None }
    }

    /// Reads a page. Samples that carry a time before `oldest` are left out: a stale value must
    /// not look live.
    pub fn read(&mut self, body: &[u8], oldest: Timestamp) -> Page {
        let sheet = self.filled(body, oldest, Guards::default());
        self.learn(sheet)
    }

    /// The same within limits: a page that goes over one is not used at all.
    ///
    /// # Errors
    /// The limit.
    pub fn read_within(&mut self, body: &[u8], oldest: Timestamp, guards: Guards) -> Result<Page, Broken> {
        let (tally, mut sheet) = self.filled(body, oldest, guards);
        match sheet.broken.take().or_else(|| guards.samples(tally)) {
            Some(broken) => Err(broken),
            None => Ok(self.learn((tally, sheet))),
        }
    }

    /// Reads a page by what the last one left, or in full where it has other labels.
    fn filled<'a>(&self, body: &'a [u8], oldest: Timestamp, guards: Guards) -> (Tally, Sheet<'a>) {
        let sheet = || Sheet { oldest: oldest.millis(), guards, ..Sheet::default() };
        let known = self.recall.as_ref().and_then(|recall| {
            let (tally, sheet) = sheet().recalled(body, recall)?;
            // The size of a memory is a value that belongs to the identity.
            let mut gpus = sheet.gpus.list().iter().zip(recall.indices());
            let same = gpus.all(|(gpu, index)| {
                let known = self.gpus.iter().find(|k| k.index == *index);
                known.is_some_and(|k| is_same_memory(k.facts.memory_mib, gpu.memory_mib()))
            });
            same.then_some((tally, sheet))
        });
        known.unwrap_or_else(|| sheet().filled(body))
    }

    /// Who the host is, as far as it is known.
    #[must_use]
    pub const fn facts(&self) -> &Arc<HostFacts> {
        &self.host
    }

    /// Forgets what the last page left for the next one.
    #[cfg(test)]
    pub fn forget(&mut self) {
        self.recall = None;
    }

    /// True when `body` would be read by what the last page left.
    #[cfg(test)]
    pub fn recalls(&self, body: &[u8]) -> bool {
        self.filled(body, Timestamp(0), Guards::default()).1.is_recalled
    }

    fn learn(&mut self, (tally, sheet): (Tally, Sheet<'_>)) -> Page {
        self.learn_hostname(sheet.hostname);
        let node = sheet.node.reading(self.cpu);
        self.cpu = sheet.node.cpu();
        let mut gpus: Vec<_> = match self.recall.as_ref().filter(|_| sheet.is_recalled) {
            Some(recall) => {
                sheet.gpus.list().iter().zip(recall.indices()).map(|(g, i)| g.reading(*i)).collect()
            }
            None => self.gpu_readings(&sheet),
        };
        if !gpus.is_sorted_by_key(|r| r.index) {
            gpus.sort_unstable_by_key(|r| r.index);
        }
        let (repeated, old) = (sheet.gpus.repeated, sheet.old);
        Page { host: HostReading { facts: Arc::clone(&self.host), gpus, node }, tally, repeated, old }
    }

    fn learn_hostname(&mut self, raw: &[u8]) {
        let known = self.host.label("hostname").unwrap_or_default();
        // What the operator wrote into the list is worth more than what the host calls itself.
        let given = self.host.labels.get(..self.given).unwrap_or_default();
        let is_given = given.iter().any(|(k, _)| k == "hostname");
        if raw.is_empty() || is_given || identity::is_text_of(known, raw) {
            return;
        }
        // No larger than it has to be: there is one for each of many thousand targets.
        let labels = [given, &[("hostname".to_owned(), identity::text_of(raw))]].concat();
        self.host = Arc::new(HostFacts { host: self.host.host.clone(), labels });
    }

    fn gpu_readings(&mut self, sheet: &Sheet<'_>) -> Vec<GpuReading> {
        let gpus = &sheet.gpus;
        let indices = self.assign(gpus.list());
        self.recall = if sheet.is_plain { sheet.places.recall(&indices) } else { None };
        let placed = gpus.list().iter().zip(indices).filter_map(|(g, i)| Some((g, i?)));
        placed
            .map(|(gpu, index)| {
                let mut reading = gpu.reading(index);
                reading.facts = self.learn_gpu(gpu, index, gpus.renamed);
                reading
            })
            .collect()
    }

    /// A position for each GPU: the one it claims, else the one it had, else the lowest free one.
    fn assign(&self, gpus: &[Gpu<'_>]) -> Vec<Option<u16>> {
        let mut taken = [false; MAX_GPUS];
        let mut claim = |index: u16| {
            let free = taken.get_mut(usize::from(index)).filter(|t| !**t)?;
            *free = true;
            Some(index)
        };
        let mut indices: Vec<_> = gpus.iter().map(|g| g.position().and_then(&mut claim)).collect();
        for (slot, gpu) in indices.iter_mut().zip(gpus).filter(|(s, _)| s.is_none()) {
            let uuid = uuid_of(gpu.id.uuid);
            let known = self.gpus.iter().find(|k| !uuid.is_empty() && k.facts.uuid == uuid);
            *slot = known.and_then(|k| claim(k.index));
        }
        for slot in indices.iter_mut().filter(|s| s.is_none()) {
            *slot = (0..64).find_map(&mut claim);
        }
        indices
    }

    /// The identity of `gpu`, if it is not the one reported before.
    fn learn_gpu(&mut self, gpu: &Gpu<'_>, index: u16, renamed: bool) -> Option<Arc<GpuFacts>> {
        let at = self.gpus.iter().position(|k| k.index == index);
        let known = at.map(|at| &self.gpus[at]);
        if known.is_some_and(|k| is_same(&k.facts, gpu, renamed)) {
            return None;
        }
        let mut facts = facts(gpu, renamed, known.map(|k| &*k.facts));
        if let Some(other) = self.gpus.iter().find(|k| k.index != index) {
            facts.share(&other.facts);
        }
        let facts = Arc::new(facts);
        match at.map(|at| &mut self.gpus[at]) {
            Some(known) => known.facts = Arc::clone(&facts),
            None => self.gpus.push(Known { index, facts: Arc::clone(&facts) }),
        }
        Some(facts)
    }
}

fn facts(gpu: &Gpu<'_>, renamed: bool, known: Option<&GpuFacts>) -> GpuFacts {
    let id = &gpu.id;
    let uuid = uuid_of(id.uuid);
    let memory_mib = match (gpu.memory_mib(), known) {
        (now, Some(known)) if known.uuid == uuid && is_same_memory(known.memory_mib, now) => known.memory_mib,
        (now, _) => now,
    };
    GpuFacts {
        uuid,
        model: identity::text_of(id.model).into(),
        pci: identity::text_of(id.pci),
        driver: identity::text_of(id.driver).into(),
        memory_mib,
        job: identity::text_of(id.job(renamed)).into(),
        tenant: identity::text_of(id.tenant(renamed)).into(),
    }
}

fn is_same(facts: &GpuFacts, gpu: &Gpu<'_>, renamed: bool) -> bool {
    let id = &gpu.id;
    is_uuid(&facts.uuid, id.uuid)
        && identity::is_text_of(&facts.job, id.job(renamed))
        && identity::is_text_of(&facts.tenant, id.tenant(renamed))
        && identity::is_text_of(&facts.pci, id.pci)
        && identity::is_text_of(&facts.model, id.model)
        && identity::is_text_of(&facts.driver, id.driver)
        && is_same_memory(facts.memory_mib, gpu.memory_mib())
}

/// True when `raw` is the UUID that was kept as `kept`. Copies nothing in the common case.
fn is_uuid(kept: &str, raw: &[u8]) -> bool {
    kept.as_bytes() == raw || kept == uuid_of(raw)
}

/// The UUID as it is kept.
fn uuid_of(raw: &[u8]) -> String {
    identity::whole_uuid(identity::text_of(raw))
}

/// The parts of the memory are rounded one by one, so their sum wavers; and a page without memory
/// says nothing about it.
const fn is_same_memory(known: u32, now: u32) -> bool {
    now == 0 || known.abs_diff(now) <= known / 256
}

/// What is gathered while a page is read.
struct Sheet<'a> {
    gpus: Gpus<'a>,
    node: NodePage,
    hostname: &'a [u8],
    places: Places,
    oldest: i64,
    old: u32,
    guards: Guards,
    /// The first limit that the page went over.
    broken: Option<Broken>,
    /// Nothing but whole GPUs in a few label sets: the next page may be read by them.
    is_plain: bool,
    /// Read by the label sets of the page before: nobody's identity was looked at.
    is_recalled: bool,
}

impl Default for Sheet<'_> {
    fn default() -> Self {
        Self {
            gpus: Gpus::default(),
            node: NodePage::default(),
            hostname: b"",
            places: Places::default(),
            oldest: 0,
            old: 0,
            guards: Guards::default(),
            broken: None,
            is_plain: true,
            is_recalled: false,
        }
    }
}

impl<'a> Sheet<'a> {
    fn filled(mut self, body: &'a [u8]) -> (Tally, Self) {
        let tally = exposition::scan(body, families::lookup, |f, s| self.take(f, s));
        (tally, self)
    }

    fn recalled(mut self, body: &'a [u8], recall: &Recall) -> Option<(Tally, Self)> {
        self.is_recalled = true;
        self.gpus = Gpus::nameless(recall.indices().len());
        self.places = recall.places();
        let tally = exposition::scan_known(body, recall.prints(), families::lookup, |f, s| self.take(f, s))?;
        Some((tally, self))
    }

    /// Looks at the labels of a sample that is not one of a known set.
    fn guard(&mut self, sample: &Sample<'a>) {
        if self.guards.has_labels() && self.broken.is_none() {
            self.broken = self.guards.labels(sample.labels);
        }
    }

    fn take(&mut self, id: FamilyId, sample: &Sample<'a>) {
        if sample.time.is_some_and(|t| t < self.oldest) {
            self.old += 1;
            self.is_plain = false;
            return;
        }
        let family = id.get();
        if family.field as usize > Field::GPU {
            self.guard(sample);
            self.is_plain &= sample.labels.with_braces().is_empty();
            self.node.take(family, sample.labels, sample.value);
            return;
        }
        let place = self.places.get(sample.set).unwrap_or_else(|| self.place(family.field, sample));
        if let Some(place) = place {
            self.gpus.take(place, id, sample.value);
        }
    }

    fn place(&mut self, field: Field, sample: &Sample<'a>) -> Option<Place> {
        self.guard(sample);
        let id = Identity::read(sample.labels, field == Field::Info);
        if self.hostname.is_empty() {
            self.hostname = id.hostname;
        }
        let place = self.gpus.place(&id);
        // A position that is a value, and names that one family alone carries, are looked at each time.
        self.is_plain &= !matches!(field, Field::Index | Field::Info);
        self.is_plain &= self.places.set(sample, place);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Metric;
    use proptest::prelude::*;

    fn memo() -> Memo {
        Memo::new("n1:9400", &[("hall".to_owned(), "H1".to_owned())])
    }

    fn read(memo: &mut Memo, page: &str) -> Page {
        memo.read(page.as_bytes(), Timestamp(0))
    }

    const PAGE: &str = "\
DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-a\",modelName=\"GB300\",Hostname=\"n1\",pod=\"train-0\",namespace=\"t\"} 90
DCGM_FI_DEV_GPU_UTIL{gpu=\"1\",UUID=\"GPU-b\",modelName=\"GB300\",Hostname=\"n1\"} 0
DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"GPU-a\",modelName=\"GB300\",Hostname=\"n1\",pod=\"train-0\",namespace=\"t\"} 1000
DCGM_FI_DEV_FB_FREE{gpu=\"0\",UUID=\"GPU-a\",modelName=\"GB300\",Hostname=\"n1\",pod=\"train-0\",namespace=\"t\"} 9000
";

    #[test]
    fn identity_is_sent_once_and_again_when_it_changes() {
        let mut memo = memo();
        let first = read(&mut memo, PAGE);
        let facts = first.host.gpus[0].facts.as_deref().expect("new GPUs introduce themselves");
        assert_eq!(
            (&*facts.uuid, &*facts.job, &*facts.tenant, facts.memory_mib),
            ("GPU-a", "train-0", "t", 10_000)
        );
        let second = read(&mut memo, PAGE);
        assert!(second.host.gpus.iter().all(|g| g.facts.is_none()));
        assert!(Arc::ptr_eq(&first.host.facts, &second.host.facts));
        let third = read(&mut memo, &PAGE.replace("train-0", "train-1"));
        assert_eq!(third.host.gpus[0].facts.as_deref().map(|f| &*f.job), Some("train-1"));
        assert!(third.host.gpus[1].facts.is_none());
    }

    #[test]
    fn a_wavering_sum_of_memory_is_no_change() {
        let mut memo = memo();
        read(&mut memo, PAGE);
        assert!(read(&mut memo, &PAGE.replace(" 9000", " 8999")).host.gpus[0].facts.is_none());
        assert!(read(&mut memo, &PAGE.replace(" 9000", " 4000")).host.gpus[0].facts.is_some());
    }

    #[test]
    fn the_host_is_the_target_and_the_hostname_a_label() {
        let mut memo = memo();
        let page = read(&mut memo, PAGE);
        assert_eq!(page.host.facts.host, "n1:9400");
        assert_eq!(page.host.facts.label("hostname"), Some("n1"));
        assert_eq!(page.host.facts.label("hall"), Some("H1"));
    }

    #[test]
    fn a_hostname_of_the_list_is_not_overwritten() {
        let mut memo = Memo::new("n1:9400", &[("hostname".to_owned(), "rack-3-tray-1".to_owned())]);
        assert_eq!(read(&mut memo, PAGE).host.facts.label("hostname"), Some("rack-3-tray-1"));
    }

    #[test]
    fn a_gpu_without_a_position_keeps_the_one_it_got() {
        let mut memo = memo();
        let line = |uuid: &str, v: u32| format!("nvidia_smi_temperature_gpu{{uuid=\"{uuid}\"}} {v}\n");
        let first = read(&mut memo, &(line("x", 1) + &line("y", 2)));
        assert_eq!(first.host.gpus.iter().map(|g| g.index).collect::<Vec<_>>(), [0, 1]);
        let second = read(&mut memo, &line("y", 2));
        assert_eq!(
            second.host.gpus.iter().map(|g| (g.index, g.get(Metric::Temp))).collect::<Vec<_>>(),
            [(1, Some(2.0))]
        );
        let third = read(&mut memo, &(line("y", 2) + &line("x", 1)));
        assert_eq!(third.host.gpus[0].get(Metric::Temp), Some(1.0));
    }

    #[test]
    fn two_gpus_that_claim_one_position_are_both_kept() {
        let page = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-a\"} 1\nDCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-b\"} 2\n";
        let got = read(&mut memo(), page);
        let temps: Vec<_> = got.host.gpus.iter().map(|g| (g.index, g.get(Metric::Temp))).collect();
        assert_eq!(temps, [(0, Some(1.0)), (1, Some(2.0))]);
    }

    #[test]
    fn a_position_in_the_index_family_counts() {
        let bare = "00000000-1111-2222-3333-444444444444";
        let page = format!(
            "nvidia_smi_gpu_info{{uuid=\"{bare}\",name=\"H100\",index=\"5\"}} 1\nnvidia_smi_index{{uuid=\"{bare}\"}} 5\n"
        );
        let mut memo = memo();
        let got = read(&mut memo, &page);
        assert_eq!(got.host.gpus[0].index, 5);
        let facts = got.host.gpus[0].facts.as_deref().expect("a new GPU");
        assert_eq!((&*facts.uuid, &*facts.model), (&*format!("GPU-{bare}"), "H100"));
        assert!(read(&mut memo, &page).host.gpus[0].facts.is_none());
    }

    #[test]
    fn uuids_that_differ_in_nothing_visible_keep_their_positions() {
        let bare = "00000000-1111-2222-3333-444444444444";
        let odd = bare.replace("1111", "11\u{7}11");
        let page = format!(
            "nvidia_smi_temperature_gpu{{uuid=\"{odd}\"}} 33\nnvidia_smi_power_draw_watts{{uuid=\"{bare}\"}} 71\n"
        );
        let mut memo = memo();
        let values = |page: &Page| -> Vec<_> {
            page.host.gpus.iter().map(|g| (g.index, g.get(Metric::Temp), g.get(Metric::Power))).collect()
        };
        for _ in 0..3 {
            memo.forget();
            let got = read(&mut memo, &page);
            assert_eq!(values(&got), [(0, Some(33.0), None), (1, None, Some(71.0))]);
        }
    }

    #[test]
    fn samples_of_long_ago_are_left_out() {
        let page = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"} 50 1000\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 60 9000\n";
        let got = memo().read(page.as_bytes(), Timestamp(5000));
        assert_eq!(
            (got.old, got.host.gpus[0].get(Metric::Temp), got.host.gpus[0].get(Metric::Util)),
            (1, None, Some(60.0))
        );
    }

    #[test]
    fn a_page_over_a_limit_teaches_nothing() {
        let mut memo = memo();
        let within = |memo: &mut Memo, guards| memo.read_within(PAGE.as_bytes(), Timestamp(0), guards);
        let few = Guards { sample_limit: 3, ..Guards::default() };
        assert_eq!(within(&mut memo, few).err(), Some(Broken::Samples { limit: 3, found: 4 }));
        let short = Guards { label_value_length_limit: 4, ..Guards::default() };
        assert!(matches!(within(&mut memo, short), Err(Broken::Value { limit: 4, .. })));
        assert_eq!(memo.facts().label("hostname"), None);
        let page = within(&mut memo, Guards { sample_limit: 4, label_limit: 7, ..Guards::default() });
        let page = page.expect("within its limits");
        assert!(page.host.gpus[0].facts.is_some(), "who it is was not lost with the refused pages");
    }

    #[test]
    fn hostile_labels_arrive_clean() {
        let page =
            "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-\x1b]0;x\x07\",Hostname=\"\u{202e}h\\n\x1b[2J\"} 50\n";
        let got = read(&mut memo(), page);
        assert_eq!(got.host.facts.label("hostname"), Some("h[2J"));
        assert_eq!(got.host.gpus[0].facts.as_deref().map(|f| &*f.uuid), Some("GPU-]0;x"));
    }

    #[test]
    fn switches_and_cpus_are_not_taken_for_gpus() {
        let page = "DCGM_FI_DEV_GPU_TEMP{nvswitch=\"0\"} 50\nDCGM_FI_DEV_GPU_TEMP{cpu=\"1\"} 60\n";
        assert!(read(&mut memo(), page).host.gpus.is_empty());
    }

    proptest! {
        #[test]
        fn no_page_makes_it_panic(page in proptest::collection::vec(any::<u8>(), 0..1500)) {
            memo().read(&page, Timestamp(0));
        }

        #[test]
        fn positions_are_unique_whatever_the_page_claims(
            claims in proptest::collection::vec((0..70_u16, 0..90_u16), 0..100)
        ) {
            let page: String = claims.iter().map(|(gpu, uuid)| format!("DCGM_FI_DEV_GPU_TEMP{{gpu=\"{gpu}\",UUID=\"{uuid}\"}} 1\n")).collect();
            let mut memo = memo();
            for _ in 0..2 {
                let got = read(&mut memo, &page).host.gpus;
                prop_assert!(got.windows(2).all(|w| w[0].index < w[1].index));
                prop_assert!(got.iter().all(|g| usize::from(g.index) < MAX_GPUS));
            }
        }
    }
}

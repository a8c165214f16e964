//! What a page of GPUs leaves for the next one: as long as the label sets are the same, who they are
//! about is known, and no label needs to be read: the labels are most of what a site sends, and they say
//! the same each time.

use super::exposition::Sample;
use super::gpus::Place;
use super::sets::{MAX_SETS, Print};

/// The label sets of the last page and the GPUs that they are about.
#[derive(Clone, Debug)]
pub struct Recall {
    prints: Box<[Print]>,
    /// By label set: which GPU of the page.
    gpus: Box<[u8]>,
    /// By GPU of the page: its position in the node.
    indices: Box<[u16]>,
}

impl Recall {
    /// The label sets, in order.
    #[must_use]
    pub const fn prints(&self) -> &[Print] {
        &self.prints
    }

    /// Positions of the GPUs of the page, in its order.
    #[must_use]
    pub const fn indices(&self) -> &[u16] {
        &self.indices
    }

    /// Where the samples of each set go.
    #[must_use]
    pub fn places(&self) -> Places {
        let mut places = Places::default();
        for (slot, gpu) in places.of.iter_mut().zip(&self.gpus) {
            *slot = Some(Some(Place::whole(*gpu)));
        }
        places
    }
}

/// Where the samples of each remembered label set go, once it is known.
pub struct Places {
    of: [Option<Option<Place>>; MAX_SETS],
    prints: [Option<Print>; MAX_SETS],
    count: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self { of: [None; MAX_SETS], prints: [None; MAX_SETS], count: 0 }
    }
}

impl Places {
    /// Where the samples of `set` go, if that was found out before.
    #[must_use]
    pub fn get(&self, set: Option<usize>) -> Option<Option<Place>> {
        self.of[set?]
    }

    /// Notes where the set of `sample` goes; false where the page cannot be recalled by its sets: one
    /// has no number, or is not about a whole GPU, or came out of turn.
    pub fn set(&mut self, sample: &Sample<'_>, place: Option<Place>) -> bool {
        let Some(set) = sample.set else { return false };
        self.of[set] = Some(place);
        let in_turn = set == self.count;
        self.count = self.count.max(set + 1);
        self.prints[set] = Print::of(sample.labels.with_braces());
        in_turn && self.prints[set].is_some() && place.is_some_and(Place::is_whole)
    }

    /// What the next page can be read by; `indices` are the positions of the GPUs of this page.
    #[must_use]
    pub fn recall(&self, indices: &[Option<u16>]) -> Option<Recall> {
        let whole = |place: &Option<Option<Place>>| place.flatten().map(|p| p.gpu());
        Some(Recall {
            prints: self.prints[..self.count].iter().copied().collect::<Option<_>>()?,
            gpus: self.of[..self.count].iter().map(whole).collect::<Option<_>>()?,
            indices: indices.iter().copied().collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::Memo;
    use crate::model::Timestamp;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    const FAMILIES: [&str; 5] = [
        "DCGM_FI_DEV_GPU_TEMP",
        "DCGM_FI_DEV_POWER_USAGE",
        "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_FB_FREE",
        "DCGM_FI_DEV_XID_ERRORS",
    ];

    /// One series: which GPU, its job, its MIG instance (0 is none), the family, and the value.
    type Series = (u8, u8, u8, usize, u16);

    fn page(series: &[Series], hostname: u8) -> String {
        let mut page = String::new();
        for (family, name) in FAMILIES.iter().enumerate() {
            for (gpu, job, instance, _, value) in series.iter().filter(|s| s.3 == family) {
                let _ = write!(page, "{name}{{gpu=\"{gpu}\",UUID=\"GPU-{gpu}\",Hostname=\"n{hostname}\"");
                if *instance > 0 {
                    let _ = write!(page, ",GPU_I_ID=\"{instance}\",GPU_I_PROFILE=\"1g.23gb\"");
                }
                let code = if family == 4 { format!(",err_code=\"{value}\"") } else { String::new() };
                let _ = writeln!(page, ",pod=\"p{job}\"{code}}} {value}");
            }
        }
        page.push_str("node_load1 3\n");
        page
    }

    fn plain() -> Vec<Series> {
        (0..3).flat_map(|gpu| (0..5).map(move |family| (gpu, 1, 0, family, 40))).collect()
    }

    fn said(memo: &mut Memo, page: &str) -> String {
        format!("{:?}", memo.read(page.as_bytes(), Timestamp(0)))
    }

    #[test]
    fn a_page_with_the_labels_of_the_last_one_is_read_without_them() {
        let mut memo = Memo::new("n1:9400", &[]);
        assert!(!memo.recalls(page(&plain(), 1).as_bytes()), "nothing is known yet");
        said(&mut memo, &page(&plain(), 1));
        let mut other = plain();
        other.iter_mut().filter(|s| s.3 < 2).for_each(|s| s.4 += 7);
        assert!(memo.recalls(page(&other, 1).as_bytes()));
        other[0].1 = 2;
        assert!(!memo.recalls(page(&other, 1).as_bytes()), "another job");
        assert!(!memo.recalls(page(&plain()[..10], 1).as_bytes()), "a GPU is missing");
        assert!(!memo.recalls(page(&plain(), 2).as_bytes()), "another hostname");
    }

    #[test]
    fn instances_and_the_sets_of_a_node_are_read_each_time() {
        for extra in ["", "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 7\n"] {
            let mut series = plain();
            if extra.is_empty() {
                series[0].2 = 1;
            }
            let page = page(&series, 1) + extra;
            let mut memo = Memo::new("n1:9400", &[]);
            said(&mut memo, &page);
            assert!(!memo.recalls(page.as_bytes()));
        }
    }

    proptest! {
        /// Whatever changes from page to page: what is recalled says what reading in full says.
        #[test]
        fn recalling_says_what_reading_says(
            steps in proptest::collection::vec(
                proptest::collection::vec((0..16_usize, 0..6_u8, 0..4_u8, 30..33_u16), 0..3), 1..12)
        ) {
            let (mut series, mut hostname) = (plain(), 1);
            let mut memo = Memo::new("n1:9400", &[]);
            for changes in steps {
                for (at, what, to, value) in changes {
                    let len = series.len();
                    let Some(one) = series.get_mut(at % len.max(1)) else { break };
                    match what {
                        0 => one.1 = to,
                        1 => one.2 = to % 2,
                        2 => one.4 = value * 1000,
                        3 => drop(series.remove(at % len)),
                        4 => { let again = *one; series.push(again); }
                        _ => hostname = to,
                    }
                }
                let page = page(&series, hostname);
                let mut in_full = memo.clone();
                in_full.forget();
                let want = said(&mut in_full, &page);
                prop_assert_eq!(said(&mut memo, &page), want);
            }
        }
    }
}

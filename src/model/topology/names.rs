//! Names of assets: `H3-R17-K5-T09-G2`, and back.

use crate::model::id::{Asset, CduId, GpuId, HallId, RackId, RowId, Span, TrayId};
use crate::model::text;
use crate::model::topology::Topology;
use crate::model::topology::plan::same;

impl Topology {
    /// The name of an asset from the hall down: `H3-R17-K5`. The site answers with its own name.
    #[must_use]
    pub fn name(&self, asset: Asset) -> String {
        match asset {
            Asset::Site => self.site().to_owned(),
            Asset::Hall(h) => self.hall(h).name.clone(),
            Asset::Cdu(c) => {
                let (row, name) = self.cdu(c);
                format!("{}-{name}", self.name(Asset::Row(row)))
            }
            _ => format!("{}-{}", self.name(self.parent(asset)), self.short_name(asset)),
        }
    }

    /// The full name with the site's prefix: `KVD-H3-R17-K5`.
    #[must_use]
    pub fn full_name(&self, asset: Asset) -> String {
        let prefix = &self.plan().prefix;
        match asset {
            Asset::Site => self.site().to_owned(),
            _ if prefix.is_empty() => self.name(asset),
            _ => format!("{prefix}-{}", self.name(asset)),
        }
    }

    /// The last part of the name: `K5`, `T09`, `G2`.
    #[must_use]
    pub fn short_name(&self, asset: Asset) -> String {
        match asset {
            Asset::Site => self.site().to_owned(),
            Asset::Hall(h) => self.hall(h).name.clone(),
            Asset::Row(r) => self.row(r).name.clone(),
            Asset::Rack(r) => self.rack(r).name.clone(),
            Asset::Tray(t) => self.tray(t).name.clone(),
            Asset::Gpu(g) => format!("G{}", g.0 - self.tray(self.tray_of(g)).gpus.start + 1),
            Asset::Cdu(c) => self.cdu(c).1.to_owned(),
        }
    }

    /// The asset called `name`, with or without the site's prefix; case and leading zeros do not
    /// count.
    ///
    /// # Errors
    /// Says which part is unknown and names the nearest one that exists.
    pub fn find(&self, name: &str) -> Result<Asset, String> {
        if name.eq_ignore_ascii_case("site") || name.eq_ignore_ascii_case(self.site()) {
            return Ok(Asset::Site);
        }
        let prefix = &self.plan().prefix;
        let parts: Vec<&str> = name.split('-').collect();
        let mut at = usize::from(!prefix.is_empty() && parts[0].eq_ignore_ascii_case(prefix));
        let mut asset = Asset::Site;
        while at < parts.len() {
            let cdus = if let Asset::Row(r) = asset { self.row(r).cdus } else { Span::default() };
            let cdus = cdus.iter().map(|i| Asset::Cdu(CduId(i)));
            let children: Vec<_> =
                self.children(asset).into_iter().chain(cdus).map(|c| (c, self.short_name(c))).collect();
            // Names may hold dashes themselves: the longest one that fits is meant.
            let fits = |n: &usize| children.iter().find(|(_, name)| same(name, &parts[at..at + n].join("-")));
            let Some((n, (child, _))) = (1..=parts.len() - at).rev().find_map(|n| Some((n, fits(&n)?)))
            else {
                return Err(self.unknown(parts[at], asset, &children));
            };
            asset = *child;
            at += n;
        }
        Ok(asset)
    }

    fn unknown(&self, part: &str, within: Asset, children: &[(Asset, String)]) -> String {
        let names = || children.iter().map(|(_, name)| name.as_str());
        let hint = text::nearest(part, names()).or_else(|| names().next());
        let hint = hint.map_or_else(String::new, |h| format!(": did you mean `{h}`?"));
        format!("no `{}` in {}{hint}", text::clean(part), self.name(within))
    }

    /// The assets one level down (CDUs are not among them).
    #[must_use]
    pub fn children(&self, asset: Asset) -> Vec<Asset> {
        match asset {
            Asset::Site => (0..self.halls().len()).map(|i| Asset::Hall(HallId::new(i))).collect(),
            Asset::Hall(h) => self.hall(h).rows.iter().map(|i| Asset::Row(RowId(i))).collect(),
            Asset::Row(r) => self.row(r).racks.iter().map(|i| Asset::Rack(RackId(i))).collect(),
            Asset::Rack(r) => self.rack(r).trays.iter().map(|i| Asset::Tray(TrayId(i))).collect(),
            Asset::Tray(t) => self.tray(t).gpus.iter().map(|i| Asset::Gpu(GpuId(i))).collect(),
            Asset::Gpu(_) | Asset::Cdu(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::topology::Plan;
    use crate::model::topology::place::Place;
    use crate::model::topology::plan::NewHost;

    #[test]
    fn a_gpu_is_found_by_any_spelling_of_its_name() {
        let t = Topology::default_site();
        let asset = t.find("KVD-H3-R17-K5-T09-G2").expect("the documented name exists");
        assert_eq!(t.full_name(asset), "KVD-H3-R17-K5-T09-G2");
        assert_eq!(t.find("h03-r17-k05-t9-g02"), Ok(asset));
    }

    #[test]
    fn names_with_dashes_are_found() {
        let place = |hall: &str, tray: &str| Place {
            hall: hall.into(),
            row: "R1".into(),
            rack: "rack-7".into(),
            tray: tray.into(),
        };
        let host = |p: Place| NewHost { host: p.tray.clone(), place: Some(p), gpus: 2 };
        let hosts =
            [host(place("East-1", "node-1")), host(place("East-1", "node-10")), host(place("East", "n"))];
        let t = Plan::open("x").with_hosts(&hosts).build().expect("small");
        for g in (0..t.gpu_count()).map(GpuId::new) {
            assert_eq!(t.find(&t.full_name(Asset::Gpu(g))), Ok(Asset::Gpu(g)));
        }
    }

    #[test]
    fn cdus_are_found_in_their_row_beside_its_racks() {
        let t = Topology::default_site();
        for c in (0..t.cdu_count()).step_by(29).map(|i| Asset::Cdu(CduId::new(i))) {
            assert_eq!(t.find(&t.full_name(c)), Ok(c));
        }
        let e = t.find("H3-R05-CDU7").expect_err("a row has two");
        assert!(e.ends_with("did you mean `CDU1`?"), "{e}");
    }

    #[test]
    fn an_unknown_part_is_named() {
        let t = Topology::default_site();
        let e = t.find("H3-R99").expect_err("hall 3 has 22 rows");
        assert!(e.contains("`R99`") && e.contains("H3"), "{e}");
    }

    #[test]
    fn name_and_find_are_inverse() {
        let t = Topology::default_site();
        for g in (0..t.gpu_count()).step_by(997).map(GpuId::new) {
            for asset in [Asset::Gpu(g), Asset::Tray(t.tray_of(g)), Asset::Rack(t.rack_of(g))] {
                assert_eq!(t.find(&t.full_name(asset)), Ok(asset));
            }
        }
    }
}

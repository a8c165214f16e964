//! The site with the positions of its assets for names.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::Topology;
use crate::model::topology::build::build;
use crate::model::topology::plan::{PlanHall, PlanRack, PlanRow, PlanTray, UNPLACED};
use crate::model::topology::{Grid, Plan};

/// Name of every site.
const SITE: &str = "site";

/// All topologies of a recording. Where the site grows, what was there before keeps its number.
#[derive(Debug, Default)]
pub struct Sites {
    known: Vec<(Arc<Topology>, Arc<Topology>)>,
    /// Numbers by what lies above, kind and name.
    numbers: HashMap<String, usize>,
    /// How many there are, by what lies above and kind.
    counts: HashMap<String, usize>,
    hosts: HashMap<String, usize>,
}

impl Sites {
    /// The topology without names: with the same ids.
    pub fn of(&mut self, site: &Arc<Topology>) -> Arc<Topology> {
        if let Some((_, made)) = self.known.iter().find(|(real, _)| Arc::ptr_eq(real, site)) {
            return Arc::clone(made);
        }
        let plan = self.plan(site.plan());
        // Only too many GPUs could keep it from being built, and there are as many as before.
        let made =
            build(plan, site.generation()).map_or_else(|_| Arc::new(Topology::default_site()), Arc::new);
        self.known.push((Arc::clone(site), Arc::clone(&made)));
        made
    }

    fn number(&mut self, above: &str, kind: &str, name: &str) -> usize {
        let group = format!("{above}/{kind}");
        let count = self.counts.entry(group.clone()).or_default();
        *self.numbers.entry(format!("{group}/{name}")).or_insert_with(|| {
            *count += 1;
            *count
        })
    }

    fn plan(&mut self, real: &Plan) -> Plan {
        let mut rack_models = real.rack_models.clone();
        rack_models.iter_mut().zip(1..).for_each(|(m, n)| m.name = format!("type {n}"));
        Plan {
            site: SITE.to_owned(),
            prefix: String::new(),
            contract_mw: real.contract_mw,
            grid: Grid { area: String::new(), ..real.grid.clone() },
            open: real.open,
            gpu_models: real.gpu_models.clone(),
            rack_models,
            halls: real.halls.iter().map(|h| self.hall(h)).collect(),
        }
    }

    fn hall(&mut self, real: &PlanHall) -> PlanHall {
        let name = match real.name.as_str() {
            UNPLACED => UNPLACED.to_owned(),
            name => format!("H{}", self.number("", "hall", name)),
        };
        let rows = real.rows.iter().map(|r| self.row(&name, r)).collect();
        PlanHall { name, columns: real.columns, rows }
    }

    fn row(&mut self, above: &str, real: &PlanRow) -> PlanRow {
        let name = format!("R{:02}", self.number(above, "row", &real.name));
        let above = format!("{above}-{name}");
        let cdus = real.cdus.iter().map(|c| format!("C{}", self.number(&above, "cdu", c))).collect();
        let racks = real.racks.iter().map(|r| self.rack(&above, r)).collect();
        PlanRow { name, cdus, racks }
    }

    fn rack(&mut self, above: &str, real: &PlanRack) -> PlanRack {
        let name = format!("K{}", self.number(above, "rack", &real.name));
        let above = format!("{above}-{name}");
        let trays = real.trays.iter().map(|t| self.tray(&above, t)).collect();
        PlanRack { name, model: real.model, trays }
    }

    fn tray(&mut self, above: &str, real: &PlanTray) -> PlanTray {
        let name = format!("T{:02}", self.number(above, "tray", &real.name));
        let next = self.hosts.len() + 1;
        let host = match real.host.as_str() {
            "" => String::new(),
            host => format!("host-{}", self.hosts.entry(host.to_owned()).or_insert(next)),
        };
        PlanTray { name, host, gpus: real.gpus }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Asset, GpuId};

    #[test]
    fn assets_are_called_by_their_position_and_keep_it_when_the_site_grows() {
        let mut sites = Sites::default();
        let real = Arc::new(Topology::default_site());
        let made = sites.of(&real);
        assert_eq!(made.name(Asset::Gpu(GpuId(0))), "H1-R01-K1-T01-G1");
        assert_eq!((made.site(), made.gpu_count()), (SITE, real.gpu_count()));
        assert!(Arc::ptr_eq(&made, &sites.of(&real)));
        // A hall before all others.
        let mut plan = real.plan().as_ref().clone();
        let first = PlanHall { name: "annex".into(), ..plan.halls[0].clone() };
        plan.halls.insert(0, first);
        let grown = sites.of(&Arc::new(build(plan, 1).expect("it fits")));
        assert_eq!(grown.halls()[0].name, "H9");
        assert_eq!(grown.halls()[1].name, "H1");
    }
}

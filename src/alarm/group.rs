//! One event, one alarm: where the alarm of many members stands.
//!
//! Members of one rule that come together stand at the lowest asset that holds 60 % of them, and no
//! higher than the rule allows. Those outside of it are looked at again by themselves.

use std::collections::BTreeMap;

use crate::model::alarm::rule::Scope;
use crate::model::id::Asset;
use crate::model::topology::Topology;

/// Share of the members that the place must hold, in tenths.
const TENTHS: usize = 6;

/// The place for each group, with the positions of its members.
#[must_use]
pub fn places(t: &Topology, members: &[Asset], up_to: Scope) -> Vec<(Asset, Vec<usize>)> {
    let mut parts: BTreeMap<Asset, Vec<usize>> = BTreeMap::new();
    for (i, member) in members.iter().enumerate() {
        let top = ancestor(t, *member, up_to).unwrap_or(*member);
        parts.entry(top).or_default().push(i);
    }
    let mut out = Vec::new();
    for (top, mut rest) in parts {
        while !rest.is_empty() {
            let place = lowest(t, top, &rest.iter().map(|i| members[*i]).collect::<Vec<_>>());
            let (inside, outside): (Vec<usize>, Vec<usize>) =
                rest.into_iter().partition(|i| contains(t, place, members[*i]));
            out.push((place, inside));
            rest = outside;
        }
    }
    out
}

/// The lowest asset at or below `top` that holds 60 % of `members`, which all lie in `top`.
fn lowest(t: &Topology, top: Asset, members: &[Asset]) -> Asset {
    let mut node = top;
    loop {
        let mut counts: BTreeMap<Asset, usize> = BTreeMap::new();
        for child in members.iter().filter_map(|m| below(t, node, *m)) {
            *counts.entry(child).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, n)| *n);
        match most {
            Some((child, n)) if n * 10 >= members.len() * TENTHS => node = child,
            _ => return node,
        }
    }
}

/// The asset one level below `node` that holds `asset`; `None` when `asset` is `node` itself or not
/// in it.
fn below(t: &Topology, node: Asset, asset: Asset) -> Option<Asset> {
    let mut at = asset;
    while at != node {
        let parent = t.parent(at);
        if parent == node {
            return Some(at);
        }
        if at == Asset::Site {
            return None;
        }
        at = parent;
    }
    None
}

/// True when `asset` is `place` or lies in it.
#[must_use]
pub fn contains(t: &Topology, place: Asset, asset: Asset) -> bool {
    place == Asset::Site || place == asset || below(t, place, asset).is_some()
}

/// The kind of an asset.
#[must_use]
pub const fn scope_of(asset: Asset) -> Scope {
    match asset {
        Asset::Site => Scope::Site,
        Asset::Hall(_) => Scope::Hall,
        Asset::Row(_) => Scope::Row,
        Asset::Rack(_) => Scope::Rack,
        Asset::Tray(_) => Scope::Tray,
        Asset::Gpu(_) => Scope::Gpu,
        Asset::Cdu(_) => Scope::Cdu,
    }
}

/// The asset of kind `scope` that `asset` is or lies in.
#[must_use]
pub fn ancestor(t: &Topology, asset: Asset, scope: Scope) -> Option<Asset> {
    let mut at = asset;
    loop {
        if scope_of(at) == scope {
            return Some(at);
        }
        if at == Asset::Site {
            return None;
        }
        at = t.parent(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{GpuId, RackId};

    fn gpus(range: std::ops::Range<u32>) -> Vec<Asset> {
        range.map(|i| Asset::Gpu(GpuId(i))).collect()
    }

    fn named(t: &Topology, members: &[Asset], up_to: Scope) -> Vec<(String, usize)> {
        places(t, members, up_to).into_iter().map(|(p, m)| (t.name(p), m.len())).collect()
    }

    #[test]
    fn one_member_stands_at_itself_and_a_full_row_at_the_row() {
        let t = Topology::default_site();
        assert_eq!(named(&t, &gpus(5..6), Scope::Row), [("H1-R01-K1-T02-G2".to_owned(), 1)]);
        assert_eq!(named(&t, &gpus(0..576), Scope::Row), [("H1-R01".to_owned(), 576)]);
        assert_eq!(named(&t, &gpus(0..72), Scope::Row), [("H1-R01-K1".to_owned(), 72)]);
        assert_eq!(named(&t, &gpus(0..4), Scope::Row), [("H1-R01-K1-T01".to_owned(), 4)]);
    }

    #[test]
    fn sixty_per_cent_decide_and_the_rest_stands_by_itself() {
        let t = Topology::default_site();
        let mut members = gpus(0..6);
        members.extend(gpus(100..104));
        let named = named(&t, &members, Scope::Row);
        assert_eq!(named, [("H1-R01-K1".to_owned(), 6), ("H1-R01-K2-T08".to_owned(), 4)]);
    }

    #[test]
    fn groups_go_no_higher_than_the_rule_allows() {
        let t = Topology::default_site();
        let two_rows: Vec<Asset> = [0, 8].map(|r| Asset::Rack(RackId(r))).into();
        assert_eq!(named(&t, &two_rows, Scope::Row).len(), 2);
        assert_eq!(named(&t, &two_rows, Scope::Hall), [("H1".to_owned(), 2)]);
    }

    #[test]
    fn every_member_lands_in_exactly_one_group_that_holds_it() {
        let t = Topology::default_site();
        let members: Vec<Asset> = (0..400).map(|i| Asset::Gpu(GpuId(i * 7919 % 100_224))).collect();
        let mut seen = vec![0; members.len()];
        for (place, group) in places(&t, &members, Scope::Row) {
            group.iter().for_each(|i| seen[*i] += 1);
            assert!(group.iter().all(|i| contains(&t, place, members[*i])));
        }
        assert!(seen.iter().all(|n| *n == 1));
    }
}

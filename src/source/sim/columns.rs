//! The columns that the simulator works on, and how they become shared, immutable ones.

use std::sync::Arc;

use crate::model::metric::COUNT;
use crate::model::{Column, Metric};

/// Packed values of every GPU as they are now, whether anyone can see them or not.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// [`Metric::Util`].
    pub util: Vec<u8>,
    /// [`Metric::Power`].
    pub power: Vec<u16>,
    /// [`Metric::Temp`].
    pub temp: Vec<u8>,
    /// [`Metric::MemTemp`].
    pub mem_temp: Vec<u8>,
    /// [`Metric::MemUsed`].
    pub mem_used: Vec<u16>,
    /// [`Metric::SmClock`].
    pub clock: Vec<u8>,
    /// [`Metric::Activity`].
    pub activity: Vec<u8>,
    /// [`Metric::Margin`].
    pub margin: Vec<u8>,
    /// [`Metric::ClockEvents`].
    pub events: Vec<u16>,
    /// [`Metric::Xid`].
    pub xid: Vec<u16>,
    /// [`Metric::Health`].
    pub health: Vec<u8>,
    /// [`Metric::Fabric`].
    pub fabric: Vec<u8>,
    /// [`Metric::Recovery`].
    pub recovery: Vec<u8>,
    /// [`Metric::Job`].
    pub job: Vec<u16>,
    /// [`Metric::Tenant`].
    pub tenant: Vec<u16>,
}

impl Sheet {
    /// A sheet of zeros for `gpus` GPUs.
    #[must_use]
    pub fn new(gpus: usize) -> Self {
        let (narrow, wide) = (vec![0u8; gpus], vec![0u16; gpus]);
        Self {
            util: narrow.clone(),
            power: wide.clone(),
            temp: narrow.clone(),
            mem_temp: narrow.clone(),
            mem_used: wide.clone(),
            clock: narrow.clone(),
            activity: narrow.clone(),
            margin: narrow.clone(),
            events: wide.clone(),
            xid: wide.clone(),
            health: narrow.clone(),
            fabric: narrow.clone(),
            recovery: narrow,
            job: wide.clone(),
            tenant: wide,
        }
    }

    /// Makes every measured value of GPU `g` absent; job, tenant, XID, health and recovery
    /// action stay.
    pub fn blank(&mut self, g: usize) {
        let narrow = [&mut self.util, &mut self.temp, &mut self.mem_temp, &mut self.clock];
        for column in narrow.into_iter().chain([&mut self.activity, &mut self.margin, &mut self.fabric]) {
            column[g] = u8::MAX;
        }
        for column in [&mut self.power, &mut self.mem_used, &mut self.events] {
            column[g] = u16::MAX;
        }
    }

    fn narrow(&self) -> [(Metric, &[u8]); 9] {
        [
            (Metric::Util, &self.util),
            (Metric::Temp, &self.temp),
            (Metric::MemTemp, &self.mem_temp),
            (Metric::SmClock, &self.clock),
            (Metric::Activity, &self.activity),
            (Metric::Margin, &self.margin),
            (Metric::Health, &self.health),
            (Metric::Fabric, &self.fabric),
            (Metric::Recovery, &self.recovery),
        ]
    }

    fn wide(&self) -> [(Metric, &[u16]); 6] {
        [
            (Metric::Power, &self.power),
            (Metric::MemUsed, &self.mem_used),
            (Metric::ClockEvents, &self.events),
            (Metric::Xid, &self.xid),
            (Metric::Job, &self.job),
            (Metric::Tenant, &self.tenant),
        ]
    }
}

/// What was handed out last: the memory that an unchanged column goes on sharing.
#[derive(Clone, Debug, Default)]
pub struct Published {
    last: [Option<Column>; COUNT],
}

impl Published {
    /// The columns to hand out for `sheet`. GPUs in `frozen` (half-open ranges) keep the value
    /// handed out before: their exporters are silent. A column that did not change is the same
    /// memory as before.
    pub fn publish(&mut self, sheet: &Sheet, frozen: &[(usize, usize)]) -> Vec<(Metric, Column)> {
        let mut out = Vec::with_capacity(COUNT);
        for (metric, now) in sheet.narrow() {
            let slot = &mut self.last[metric.index()];
            let last = match &*slot {
                Some(Column::Narrow(last)) => Some(last),
                _ => None,
            };
            let column = Column::Narrow(share(now, last, frozen));
            *slot = Some(column.clone());
            out.push((metric, column));
        }
        for (metric, now) in sheet.wide() {
            let slot = &mut self.last[metric.index()];
            let last = match &*slot {
                Some(Column::Wide(last)) => Some(last),
                _ => None,
            };
            let column = Column::Wide(share(now, last, frozen));
            *slot = Some(column.clone());
            out.push((metric, column));
        }
        out
    }
}

fn share<T: Copy + PartialEq>(now: &[T], last: Option<&Arc<[T]>>, frozen: &[(usize, usize)]) -> Arc<[T]> {
    let Some(last) = last else { return now.into() };
    if frozen.is_empty() {
        return if **last == *now { Arc::clone(last) } else { now.into() };
    }
    let mut seen = now.to_vec();
    for &(a, b) in frozen {
        seen[a..b].copy_from_slice(&last[a..b]);
    }
    if **last == *seen { Arc::clone(last) } else { seen.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(columns: &[(Metric, Column)], metric: Metric) -> &Column {
        &columns.iter().find(|(m, _)| *m == metric).expect("every metric is handed out").1
    }

    #[test]
    fn unchanged_columns_share_memory_and_changed_ones_do_not() {
        let (mut sheet, mut published) = (Sheet::new(5), Published::default());
        let one = published.publish(&sheet, &[]);
        sheet.power[3] = 900;
        let two = published.publish(&sheet, &[]);
        assert_eq!(two.len(), COUNT - 1, "all but the age");
        assert!(column(&one, Metric::Util).same(column(&two, Metric::Util)));
        assert!(!column(&one, Metric::Power).same(column(&two, Metric::Power)));
        assert_eq!(column(&two, Metric::Power).raw(3), 900);
    }

    #[test]
    fn frozen_gpus_keep_their_last_value_and_catch_up_later() {
        let (mut sheet, mut published) = (Sheet::new(4), Published::default());
        published.publish(&sheet, &[]);
        sheet.temp.fill(60);
        let frozen = published.publish(&sheet, &[(1, 3)]);
        let temp =
            |c: &[(Metric, Column)]| (0..4).map(|i| column(c, Metric::Temp).raw(i)).collect::<Vec<_>>();
        assert_eq!(temp(&frozen), [60, 0, 0, 60]);
        assert_eq!(temp(&published.publish(&sheet, &[])), [60; 4]);
    }

    #[test]
    fn a_blank_gpu_has_no_measured_value() {
        let mut sheet = Sheet::new(2);
        sheet.blank(1);
        let columns = Published::default().publish(&sheet, &[]);
        for (metric, column) in columns {
            let keeps = matches!(
                metric,
                Metric::Xid | Metric::Health | Metric::Recovery | Metric::Job | Metric::Tenant
            );
            assert_eq!(metric.decode(column.raw(1)).is_some(), keeps, "{metric:?}");
            assert!(metric.decode(column.raw(0)).is_some());
        }
    }
}

//! How many requests are taken: so many per second of one address, and so many in all. What is beyond
//! that is asked to come again, so that a sender gone wild costs the others nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Most addresses that are counted on their own; the others share one count.
const MAX_ADDRESSES: usize = 16_384;
/// So much of the rate may come at once.
const BURST: Duration = Duration::from_secs(1);

/// A rate that is kept on average: the moment up to which it is used up (GCRA).
#[derive(Clone, Copy, Debug)]
struct Meter(Instant);

impl Meter {
    fn takes(&mut self, step: Duration, now: Instant) -> bool {
        let next = self.0.max(now) + step;
        let takes = next <= now + BURST;
        if takes {
            self.0 = next;
        }
        takes
    }
}

/// The rates of all senders.
#[derive(Debug)]
pub struct Rates {
    step: Duration,
    step_in_all: Duration,
    addresses: HashMap<IpAddr, Meter>,
    others: Meter,
    all: Meter,
}

impl Rates {
    /// At most `per_sender` requests per second of one address, and `all` in all (at least one each).
    #[must_use]
    pub fn new(per_sender: u32, all: u32, now: Instant) -> Self {
        let step = |rate: u32| Duration::from_secs(1) / rate.max(1);
        Self {
            step: step(per_sender),
            step_in_all: step(all),
            addresses: HashMap::new(),
            others: Meter(now),
            all: Meter(now),
        }
    }

    /// True when a request of `address` may be looked at. One that may not counts for nothing.
    pub fn sender(&mut self, address: IpAddr, now: Instant) -> bool {
        if self.addresses.len() >= MAX_ADDRESSES && !self.addresses.contains_key(&address) {
            // Whoever has been still for a moment needs no count.
            self.addresses.retain(|_, m| m.0 > now);
            if self.addresses.len() >= MAX_ADDRESSES {
                return self.others.takes(self.step, now);
            }
        }
        self.addresses.entry(address).or_insert(Meter(now)).takes(self.step, now)
    }

    /// True when there is room for one more request of those who may write.
    pub fn all(&mut self, now: Instant) -> bool {
        self.all.takes(self.step_in_all, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(i: u32) -> IpAddr {
        IpAddr::V4(i.into())
    }

    #[test]
    fn a_sender_gone_wild_costs_the_others_nothing() {
        let now = Instant::now();
        let mut rates = Rates::new(10, 1000, now);
        let taken = (0..500).filter(|_| rates.sender(address(1), now)).count();
        assert_eq!(taken, 10, "a second's worth at once");
        assert!(rates.sender(address(2), now));
        let later = now + Duration::from_millis(350);
        let taken = (0..500).filter(|_| rates.sender(address(1), later)).count();
        assert_eq!(taken, 3, "and then as time goes by");
        let much_later = now + Duration::from_secs(600);
        let taken = (0..500).filter(|_| rates.sender(address(1), much_later)).count();
        assert_eq!(taken, 10, "silence saves up no more than that");
    }

    #[test]
    fn all_together_have_a_bound_as_well() {
        let now = Instant::now();
        let mut rates = Rates::new(10, 25, now);
        let taken = (0..100).filter(|i| rates.sender(address(*i), now) && rates.all(now)).count();
        assert_eq!(taken, 25);
    }

    #[test]
    fn addresses_beyond_the_bound_share_one_count_until_others_are_still() {
        let now = Instant::now();
        let mut rates = Rates::new(2, 1_000_000, now);
        for i in 0..MAX_ADDRESSES as u32 {
            assert!(rates.sender(address(i), now));
        }
        let beyond = |i: u32| address(1_000_000 + i);
        assert_eq!((0..50).filter(|i| rates.sender(beyond(*i), now)).count(), 2);
        assert_eq!(rates.addresses.len(), MAX_ADDRESSES);
        let later = now + Duration::from_secs(2);
        assert_eq!((0..50).filter(|i| rates.sender(beyond(*i), later)).count(), 50);
    }
}

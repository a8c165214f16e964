//! The served trays as a site looks: each at a loopback address of its own, all on one port, some of
//! them hanging.

use std::net::{IpAddr, Ipv4Addr};

/// Trays per value of the second byte of an address: 250 × 250.
const BLOCK: usize = 62_500;
/// Most trays that have an address of their own.
pub const MAX_NODES: usize = 254 * BLOCK;

/// How the trays are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Each tray has an address of its own, and its page is at `/metrics`.
    pub own_addresses: bool,
    /// Of a hundred trays so many take connections and never answer, 0 to 100.
    pub hanging: u8,
}

impl Layout {
    /// True when tray `tray` hangs. The hanging ones are spread evenly, and always the same.
    #[must_use]
    pub const fn hangs(self, tray: usize) -> bool {
        // 37 has no factor with 100, so that every hundred trays hold the same share.
        tray.wrapping_mul(37) % 100 < self.hanging as usize
    }
}

/// The address of tray `tray`; `None` beyond [`MAX_NODES`].
#[must_use]
pub fn address(tray: usize) -> Option<Ipv4Addr> {
    let block = u8::try_from(tray / BLOCK + 1).ok().filter(|b| *b < 255)?;
    let rest = tray % BLOCK;
    Some(Ipv4Addr::new(127, block, (rest / 250) as u8, (rest % 250 + 1) as u8))
}

/// The tray at `ip`.
#[must_use]
pub fn tray_at(ip: IpAddr) -> Option<usize> {
    let IpAddr::V4(ip) = ip else { return None };
    let [127, block @ 1..=254, row, node @ 1..=250] = ip.octets() else { return None };
    let tray = (usize::from(block) - 1) * BLOCK + usize::from(row) * 250 + usize::from(node) - 1;
    (row < 250).then_some(tray)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_trays_belong_together() {
        for tray in [0, 1, 249, 250, 12_499, 25_055, 62_499, 62_500, MAX_NODES - 1] {
            let ip = address(tray).expect("in range");
            assert_eq!(tray_at(ip.into()), Some(tray), "{ip}");
        }
        assert_eq!(address(0), Some(Ipv4Addr::new(127, 1, 0, 1)));
        assert_eq!(address(MAX_NODES), None);
        for other in ["127.0.0.1", "10.1.0.1", "127.1.250.1", "127.1.0.251", "::1"] {
            assert_eq!(tray_at(other.parse().expect("an address")), None, "{other}");
        }
    }

    #[test]
    fn every_hundred_trays_hold_the_same_share_of_hanging_ones() {
        let layout = Layout { own_addresses: true, hanging: 20 };
        for from in [0, 100, 12_300] {
            assert_eq!((from..from + 100).filter(|t| layout.hangs(*t)).count(), 20);
        }
        assert!(!Layout::default().hangs(0));
        assert!((0..100).all(|t| Layout { hanging: 100, ..layout }.hangs(t)));
    }
}

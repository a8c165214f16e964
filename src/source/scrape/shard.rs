//! A share of the targets, so that several collectors watch one site.

use md5::{Digest, Md5};

/// Most shards.
pub const MAX_SHARDS: u32 = 4096;

/// One of several shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub index: u32,
    /// How many there are, 1 to [`MAX_SHARDS`].
    pub count: u32,
}

impl Shard {
    /// Reads `1/4`.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a share such as 1/4: one of at most {MAX_SHARDS}, from 1");
        let (index, count) = text.trim().split_once('/').ok_or_else(wrong)?;
        let number = |t: &str| t.trim().parse::<u32>().map_err(|_| wrong());
        let shard = Self { index: number(index)?, count: number(count)? };
        let valid = (1..=MAX_SHARDS).contains(&shard.count) && (1..=shard.count).contains(&shard.index);
        if valid { Ok(shard) } else { Err(wrong()) }
    }

    /// True when the target called `name` belongs to this share. The choice is that of Prometheus'
    /// `hashmod` over `__address__`: it depends on the name alone, so that a target that comes or goes
    /// moves no other.
    #[must_use]
    pub fn takes(self, name: &str) -> bool {
        let digest: [u8; 16] = Md5::digest(name.as_bytes()).into();
        let [.., a, b, c, d, e, f, g, h] = digest;
        let sum = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        sum % u64::from(self.count.max(1)) == u64::from(self.index.saturating_sub(1))
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_goes_where_prometheus_would_put_it() {
        // md5 of the name, last eight bytes, modulo 2, 4 and 7.
        for (name, shares) in [("127.1.0.1:9400", [1, 1, 5]), ("a:1", [0, 0, 5]), ("node-1:9400", [0, 2, 3])]
        {
            for (count, share) in [2, 4, 7].into_iter().zip(shares) {
                let taken = |index| Shard { index, count }.takes(name);
                assert!((1..=count).all(|i| taken(i) == (i == share + 1)), "{name} of {count}");
            }
        }
    }

    #[test]
    fn shares_are_about_equal_and_take_every_target_once() {
        let mut sizes = [0; 4];
        for node in 0..12_500 {
            let name = format!("127.1.{}.{}:9400", node / 250, node % 250);
            let takers: Vec<_> = (1..=4).filter(|i| Shard { index: *i, count: 4 }.takes(&name)).collect();
            assert_eq!(takers.len(), 1, "{name}");
            sizes[takers[0] as usize - 1] += 1;
        }
        assert!(sizes.iter().all(|n| (2900..3350).contains(n)), "{sizes:?}");
    }

    #[test]
    fn a_share_is_read_as_it_is_written() {
        assert_eq!(Shard::parse("1/4"), Ok(Shard { index: 1, count: 4 }));
        assert_eq!(Shard::parse(" 4 / 4 ").map(|s| s.to_string()), Ok("4/4".to_owned()));
        for wrong in ["", "4", "0/4", "5/4", "1/0", "-1/4", "1/5000", "a/b"] {
            assert!(Shard::parse(wrong).expect_err(wrong).contains("such as 1/4"), "{wrong}");
        }
    }
}

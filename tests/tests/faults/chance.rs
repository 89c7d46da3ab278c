//! Random choices that can be repeated.

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The variable that repeats an earlier run's choices.
const VARIABLE: &str = "E2E_SEED";

/// Where in a load harm is done.
#[derive(Debug)]
pub(crate) struct Chance(StdRng);

impl Chance {
    /// A seed of `E2E_SEED`, or a new one; says which.
    pub(crate) fn new() -> anyhow::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a choice of whoever runs the test, not a setting"
        )]
        let given = std::env::var(VARIABLE).ok();
        let seed = match given {
            Some(seed) => seed
                .parse()
                .with_context(|| format!("{VARIABLE} is no number"))?,
            None => rand::random::<u32>().into(),
        };
        #[expect(
            clippy::print_stderr,
            reason = "whoever looks at a failure needs the seed"
        )]
        {
            eprintln!("{VARIABLE}={seed} repeats this run's choices");
        }
        Ok(Self(StdRng::seed_from_u64(seed)))
    }

    /// `count` rising points of progress among `messages`, one somewhere in each of as many stretches. The first and
    /// the last tenth are left out: harm is done while messages flow.
    pub(crate) fn points(&mut self, count: usize, messages: usize) -> Vec<usize> {
        let first = messages / 10;
        let stretch = (messages * 8 / 10 / count.max(1)).max(1);
        (0..count)
            .map(|index| first + index * stretch + self.0.random_range(0..stretch))
            .collect()
    }
}

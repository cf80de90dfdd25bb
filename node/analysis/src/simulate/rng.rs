//! A small seeded generator: xoshiro256++ (Blackman and Vigna 2019) started by SplitMix64.
//!
//! Our own, since a seed must give the same scan in ten years: a library may change its sampling between versions.
//! Not for secrets.

/// A seeded stream of pseudo-random numbers.
#[derive(Debug, Clone)]
pub struct Rng {
    state: [u64; 4],
    /// The second value of the last pair of normal deviates.
    spare: Option<f64>,
}

impl Rng {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        let mut z = seed;
        let state = std::array::from_fn(|_| {
            z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = z;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        });
        Self { state, spare: None }
    }

    /// A stream of its own for a named part of the work, so that a change in one part leaves the others as they were.
    pub fn fork(&mut self, part: u64) -> Self {
        Self::new(self.next_u64() ^ part.wrapping_mul(0xd605_bbb5_8c8a_bc05))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [`low`, `high`).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// An index below `len`; 0 when `len` is 0.
    pub fn index(&mut self, len: usize) -> usize {
        // `uniform` is below 1, but the product may round up to `len`.
        ((self.uniform() * len as f64) as usize).min(len.saturating_sub(1))
    }

    /// A normal deviate of mean 0 and variance 1 (Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        if let Some(value) = self.spare.take() {
            return value;
        }
        loop {
            let (u, v) = (self.between(-1.0, 1.0), self.between(-1.0, 1.0));
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let factor = (-2.0 * s.ln() / s).sqrt();
                self.spare = Some(v * factor);
                return u * factor;
            }
        }
    }

    /// A Poisson count of the given mean, exact at every mean; 0 where the mean is not a positive number.
    ///
    /// Multiplication of uniforms below mean 10, Hörmann's transformed rejection PTRS (Insurance: Mathematics and
    /// Economics 12, 1993) above.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean.is_nan() || mean <= 0.0 {
            return 0;
        }
        if mean < 10.0 {
            let floor = (-mean).exp();
            let (mut count, mut product) = (0, self.uniform());
            while product > floor {
                count += 1;
                product *= self.uniform();
            }
            return count;
        }
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.02483 * b;
        let v_r = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let u = self.uniform() - 0.5;
            let v = self.uniform();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
            if us >= 0.07 && v <= v_r {
                return k as u64;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
            let left = (v * inverse_alpha / (a / (us * us) + b)).ln();
            if left <= k * mean.ln() - mean - ln_factorial(k) {
                return k as u64;
            }
        }
    }
}

/// ln(k!) by Stirling's series; the error is below 1e-9 from k = 10 on, smaller k are summed.
fn ln_factorial(k: f64) -> f64 {
    if k < 10.0 {
        return (2..=k as u32).map(|i| f64::from(i).ln()).sum();
    }
    let x = k + 1.0;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * x * x)) / (x * x)) / x
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn follows_the_published_algorithm() {
        // SplitMix64's first outputs for seed 0, as its authors' reference program prints them.
        assert_eq!(Rng::new(0).state[0], 0xe220_a839_7b1d_cdaf);
        assert_eq!(Rng::new(0).state[1], 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn poisson_has_its_mean_and_variance() {
        for mean in [0.3, 4.0, 9.9, 10.1, 40.0, 1_000.0, 40_000.0] {
            let mut rng = Rng::new(7);
            let n = 40_000;
            let counts: Vec<f64> = (0..n).map(|_| rng.poisson(mean) as f64).collect();
            let m = counts.iter().sum::<f64>() / f64::from(n);
            let v = counts.iter().map(|c| (c - m).powi(2)).sum::<f64>() / f64::from(n - 1);
            // Five standard errors: of the mean, and of the variance (whose own variance is about 2 mean^2 + mean over n).
            let n = f64::from(n);
            assert!((m - mean).abs() < 5.0 * (mean / n).sqrt(), "mean of {mean}: {m}");
            assert!((v - mean).abs() < 5.0 * ((2.0 * mean * mean + mean) / n).sqrt(), "variance of {mean}: {v}");
        }
        assert_eq!(Rng::new(1).poisson(f64::NAN), 0);
        assert_eq!(Rng::new(1).poisson(-1.0), 0);
    }

    #[test]
    fn normal_has_unit_variance() {
        let mut rng = Rng::new(11);
        let v: Vec<f64> = (0..40_000).map(|_| rng.normal()).collect();
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        let variance = v.iter().map(|x| x * x).sum::<f64>() / v.len() as f64;
        assert!(mean.abs() < 0.025 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }

    #[test]
    fn factorials() {
        assert!((ln_factorial(10.0) - 15.104_412_573_075_516).abs() < 1e-9);
        assert!((ln_factorial(5.0) - 120f64.ln()).abs() < 1e-12);
        assert!((ln_factorial(170.0) - 706.573_062_245_787_4).abs() < 1e-9);
    }
}

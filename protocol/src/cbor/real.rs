//! Floating-point numbers in their one spelling.

use minicbor::{Decode, Decoder, Encode, Encoder};

/// A finite number, written as the shortest of binary16, binary32 and binary64 that keeps its value (`CBOR-007`).
///
/// NaN and the infinities are refused: a measured quantity is a number or it is absent.
#[derive(Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Real(f64);

impl Real {
    /// The number, if it is finite.
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    /// The number as binary64.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl std::fmt::Debug for Real {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<C> Encode<C> for Real {
    fn encode<W: minicbor::encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        let single = self.0 as f32;
        if f64::from(single).to_bits() != self.0.to_bits() {
            return e.f64(self.0)?.ok();
        }
        if half::f16::from_f32(single).to_f32().to_bits() != single.to_bits() {
            return e.f32(single)?.ok();
        }
        e.f16(single)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Real {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let at = d.position();
        Self::new(d.f64()?).ok_or_else(|| minicbor::decode::Error::message("a number must be finite").at(at))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_has_one_spelling_and_comes_back(bits in any::<u64>()) {
            if let Some(real) = Real::new(f64::from_bits(bits)) {
                let bytes = crate::cbor::encode(&real);
                prop_assert!(crate::cbor::scan(&bytes).is_ok());
                prop_assert_eq!(minicbor::decode::<Real>(&bytes).unwrap().value().to_bits(), bits);
            }
        }
    }

    #[test]
    fn spells_shortest() {
        for (value, length) in [(0.0, 3), (-0.0, 3), (1.5, 3), (65504.0, 3), (65505.0, 5), (100000.0, 5), (0.1, 9), (1e300, 9)] {
            assert_eq!(crate::cbor::encode(&Real::new(value).unwrap()).len(), length, "{value}");
        }
        assert!(Real::new(f64::NAN).is_none() && Real::new(f64::INFINITY).is_none());
    }
}

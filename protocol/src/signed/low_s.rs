//! One spelling of an ECDSA signature (`SIG-012`).
//!
//! With (r, s) also (r, n - s) verifies, and anybody can compute it without the key. Two signed forms of one id are an
//! equivocation that is held against the maker, so the profile takes the lower s alone.

/// The order of P-256 (FIPS 186-5; SEC 2, section 2.4.2), big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
    0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// Half of it, rounded down: the highest s that is taken.
const HALF: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b,
    0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// Whether `signature` is 64 bytes with s at most half the order.
pub(super) fn is_low(signature: &[u8]) -> bool {
    signature.len() == 64 && signature[32..] <= HALF[..]
}

/// The same signature with the lower s. Anything but 64 bytes is left as it is.
pub(super) fn lowered(mut signature: Vec<u8>) -> Vec<u8> {
    if signature.len() != 64 || is_low(&signature) {
        return signature;
    }
    let mut borrow = 0i16;
    for (digit, order) in signature[32..].iter_mut().zip(ORDER).rev() {
        let difference = i16::from(order) - i16::from(*digit) - borrow;
        borrow = i16::from(difference < 0);
        *digit = difference.rem_euclid(256) as u8;
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_the_edge() {
        let with = |s: [u8; 32]| [[1; 32], s].concat();
        assert!(is_low(&with(HALF)));
        let mut above = HALF;
        above[31] += 1;
        assert!(!is_low(&with(above)));
        // n - (n/2 + 1) = n/2, since n is odd.
        assert_eq!(lowered(with(above)), with(HALF));
        assert_eq!(lowered(with(HALF)), with(HALF));
        let mut one = [0; 32];
        one[31] = 1;
        let mut last = ORDER;
        last[31] -= 1;
        assert_eq!(lowered(with(last)), with(one));
        assert!(!is_low(&[0; 63]));
    }
}

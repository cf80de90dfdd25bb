//! The server's gate: which signed requests are answered at all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::digest::Digest;
use crate::identifier::Country;
use crate::reason::{Fault, Reason};
use crate::signed::{Signed, TimeEvidence, Trust, Verified};
use crate::time::Timestamp;
use crate::wire::{MAX_LIFETIME, Request};

/// Nonces remembered at once. A partner that fills the memory is told to wait, which harms itself alone: the memory is its own.
pub const MAX_NONCES: usize = 65_536;

/// Judges the requests of one partner, and remembers the nonces that have not expired.
#[derive(Debug)]
pub struct Gate {
    us: Country,
    partner: Country,
    seen: HashMap<Digest, Timestamp>,
}

impl Gate {
    /// A gate at `us` for the requests of `partner`, as its TLS certificate names it.
    pub fn new(us: Country, partner: Country) -> Self {
        Self { us, partner, seen: HashMap::new() }
    }

    /// Admits a request, in the order of `SES-010`: structure, signature and chain, sender, recipient, expiry, nonce.
    ///
    /// # Errors
    /// The first check that fails; the partner is at fault, or its clock.
    pub fn admit(&mut self, bytes: &[u8], trust: Trust<'_>, now: Timestamp) -> Result<Verified<Request>, Fault> {
        let request = Signed::<Request>::parse(bytes)?.verify(trust, TimeEvidence::now(now))?;
        let asked = request.statement();
        if asked.from != self.partner {
            return Err(Fault::new(
                Reason::ChainAdministration,
                "the request is signed by another administration than the connection is with",
            ));
        }
        if asked.to != self.us {
            return Err(Fault::new(Reason::RequestRecipient, format!("the request is addressed to {}, we are {}", asked.to, self.us)));
        }
        if asked.expires <= now || asked.expires > now.plus(MAX_LIFETIME) {
            return Err(Fault::new(Reason::RequestExpired, "the request has expired or lives too long; compare the two clocks"));
        }
        if self.seen.len() >= MAX_NONCES {
            self.seen.retain(|_, expires| *expires > now);
        }
        if self.seen.len() >= MAX_NONCES {
            return Err(Fault::new(Reason::Busy, "too many requests in a short time"));
        }
        // A second use leaves the first one's expiry alone, else it could be made to be forgotten early.
        match self.seen.entry(asked.nonce) {
            Entry::Occupied(_) => return Err(Fault::new(Reason::RequestReplayed, "the nonce was used before")),
            Entry::Vacant(place) => place.insert(asked.expires),
        };
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::fixture::{Administration, NOW, country};
    use crate::wire::Asked;

    /// SES-011: the memory is bounded, at its edge, and makes room when nonces expire.
    #[test]
    fn nonces_are_bounded() {
        let be = Administration::new("BE", 10);
        let asked = Asked::Feed { after: 0, limit: 1 };
        let mut gate = Gate::new(country("NL"), country("BE"));
        let until = NOW.plus(MAX_LIFETIME);
        gate.seen.extend((0..MAX_NONCES as u64 - 1).map(|n| (Digest::of(&n.to_be_bytes()), until)));
        gate.admit(&be.request("NL", 1, &asked), be.trust(), NOW).unwrap();
        assert_eq!(gate.seen.len(), MAX_NONCES);
        assert_eq!(gate.admit(&be.request("NL", 2, &asked), be.trust(), NOW).unwrap_err().reason, Reason::Busy);
        // Busy comes before replayed: a full memory is not searched.
        assert_eq!(gate.admit(&be.request("NL", 1, &asked), be.trust(), NOW).unwrap_err().reason, Reason::Busy);
        let mut later = be.asking("NL", 3, &asked);
        later.expires = until.plus(60);
        gate.admit(&be.request_of(&later), be.trust(), until).unwrap();
        assert_eq!(gate.seen.len(), 1);
    }
}

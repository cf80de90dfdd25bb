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

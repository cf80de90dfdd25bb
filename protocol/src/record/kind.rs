//! Kinds of records and roles of parents: open code lists, an unknown word is kept as it is.

macro_rules! words {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $wdoc:literal])* $variant:ident = $word:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $wdoc])* $variant,)*
            /// A word of a later version, kept as it is.
            Other(String),
        }

        impl $name {
            /// The word as records spell it.
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $word,)* Self::Other(word) => word }
            }
        }

        impl std::str::FromStr for $name {
            type Err = &'static str;

            fn from_str(word: &str) -> Result<Self, &'static str> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ if crate::record::kind::is_word(word) => Ok(Self::Other(word.to_owned())),
                    _ => Err("a code is 1 to 32 lowercase letters, digits and hyphens"),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(&self, e: &mut minicbor::Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(self.as_str())?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let at = d.position();
                d.str()?.parse().map_err(|error| minicbor::decode::Error::message(error).at(at))
            }
        }
    };
}
pub(super) use words;

/// Whether `word` can stand in a code list (`REC-006`).
pub(super) fn is_word(word: &str) -> bool {
    (1..=32).contains(&word.len()) && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

words! {
    /// What a record states.
    Kind {
        /// Radiographs of one object: views and energy channels.
        Image = "image",
        /// Radiation spectra.
        Spectrum = "spectrum",
        /// Any other series on named axes with units.
        Signal = "signal",
        /// What was declared to customs.
        Declaration = "declaration",
        /// A tip, graded.
        Intelligence = "intelligence",
        /// What somebody remarks about a record.
        Annotation = "annotation",
        /// What officers decided and found: the ground truth.
        Outcome = "outcome",
        /// The originator lets one more administration have a record.
        Release = "release",
        /// The originator takes a release back.
        Withdrawal = "withdrawal",
        /// What this node received from a partner.
        Receipt = "receipt",
    }
}

words! {
    /// How a record relates to a parent.
    ParentRole {
        /// It was computed or cut from it.
        DerivedFrom = "derived-from",
        /// It speaks about it.
        About = "about",
        /// It replaces it.
        Supersedes = "supersedes",
    }
}

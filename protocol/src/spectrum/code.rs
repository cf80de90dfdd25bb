//! Code lists of the spectrum view: short lowercase texts.

use minicbor::{Decode, Decoder, Encode, Encoder};

/// A closed list of texts with its encoding.
macro_rules! code_list {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $item_doc:literal])* $item:ident = $text:literal,)* } default $default:ident) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[doc = $item_doc])* $item,)* }

        impl $name {
            /// The registered text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $text,)* }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(self.as_str())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let at = d.position();
                match d.str()? {
                    $($text => Ok(Self::$item),)*
                    _ => Err(minicbor::decode::Error::message(concat!("not in the code list of ", stringify!($name))).at(at)),
                }
            }
        }
    };
}

code_list! {
    /// What a measurement is for (N42.42-2012 `MeasurementClassCode`).
    MeasurementClass {
        /// Of the item inspected.
        Foreground = "foreground",
        /// Of the surroundings.
        Background = "background",
        /// Of a known source.
        Calibration = "calibration",
        /// Of the detector's own radioactivity.
        IntrinsicActivity = "intrinsic-activity",
        /// To stabilise the gain.
        Stabilization = "stabilization",
        /// Not said.
        NotSpecified = "not-specified",
    } default NotSpecified
}

code_list! {
    /// What a detector detects (N42.42-2012 `RadDetectorCategoryCode`).
    Category {
        /// Gamma rays.
        Gamma = "gamma",
        /// Neutrons.
        Neutron = "neutron",
        /// Alpha particles.
        Alpha = "alpha",
        /// Beta particles.
        Beta = "beta",
        /// X-rays.
        XRay = "x-ray",
        /// Something else.
        Other = "other",
    } default Other
}

code_list! {
    /// What sort of conclusion an instrument drew.
    FindingKind {
        /// A nuclide (N42 `NuclideAnalysisResults`).
        Nuclide = "nuclide",
        /// An alarm (N42 `RadAlarm`).
        Alarm = "alarm",
    } default Nuclide
}

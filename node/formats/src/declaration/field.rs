//! The names of fields and what they fill.

use super::{Declaration, GoodsItem, MAX_ITEMS, MAX_LIST, MAX_TEXT};

/// Why a value does not fit its field.
pub(super) enum Misfit {
    Value(&'static str),
    Limit(&'static str, usize),
}

/// What a field fills.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Text(fn(&mut Declaration) -> &mut Option<String>),
    Number(fn(&mut Declaration) -> &mut Option<f64>),
    List(fn(&mut Declaration) -> &mut Vec<String>),
    ItemText(fn(&mut GoodsItem) -> &mut Option<String>),
    ItemNumber(fn(&mut GoodsItem) -> &mut Option<f64>),
    ItemCount(fn(&mut GoodsItem) -> &mut Option<u64>),
    Personal,
}

/// Our name of each field, what it fills, and the other names it goes by. Numbers are WCO Data Model element identifiers.
const FIELDS: &[(&str, Field, &[&str])] = &[
    ("mrn", Field::Text(|d| &mut d.mrn), &["movementreferencenumber", "mrnnumber"]),
    ("reference", Field::Text(|d| &mut d.reference), &["declarationid", "declarationnumber", "lrn", "localreferencenumber", "id", "d014"]),
    ("ucr", Field::Text(|d| &mut d.ucr), &["uniqueconsignmentreference", "referencenumberucr", "traderassignedreferenceid", "009"]),
    (
        "transportdocument",
        Field::Text(|d| &mut d.transport_document),
        &["billoflading", "transportcontractdocument", "masterbill", "housebill", "waybill", "d023"],
    ),
    ("date", Field::Text(|d| &mut d.date), &["declarationdate", "issuedatetime", "023"]),
    (
        "office",
        Field::Text(|d| &mut d.office),
        &["officeid", "customsoffice", "declarationofficeid", "customsofficeoffirstentry", "065", "g005"],
    ),
    ("transportmode", Field::Text(|d| &mut d.transport_mode), &["modeoftransport", "modeoftransportattheborder", "183"]),
    (
        "conveyance",
        Field::Text(|d| &mut d.conveyance),
        &["vessel", "voyage", "flight", "conveyancereferencenumber", "borderconveyance", "149"],
    ),
    ("loading", Field::Text(|d| &mut d.loading), &["placeofloading", "portofloading", "loadinglocation", "l009", "l010"]),
    (
        "discharge",
        Field::Text(|d| &mut d.discharge),
        &["placeofunloading", "placeofdischarge", "portofdischarge", "unloadinglocation", "l012", "l013"],
    ),
    ("delivery", Field::Text(|d| &mut d.delivery), &["placeofdelivery", "deliverydestination", "l003", "l004"]),
    ("departure", Field::Text(|d| &mut d.departure), &["countryofdeparture", "countryofdispatch", "exportationcountry", "062"]),
    ("destination", Field::Text(|d| &mut d.destination), &["countryofdestination", "destinationcountry"]),
    ("value", Field::Number(|d| &mut d.value), &["declaredvalue", "invoiceamount", "totalvalue", "109"]),
    ("currency", Field::Text(|d| &mut d.currency), &["currencycode", "invoicecurrency", "135"]),
    ("grossmass", Field::Number(|d| &mut d.gross_mass), &["totalgrossmass", "totalgrossmassmeasure", "131"]),
    (
        "containers",
        Field::List(|d| &mut d.containers),
        &["container", "containernumber", "containernumbers", "containerid", "containeridentificationnumber", "transportequipment", "159"],
    ),
    ("seals", Field::List(|d| &mut d.seals), &["seal", "sealnumber", "sealid", "sealidentifier", "165"]),
    ("itemnumber", Field::ItemCount(|i| &mut i.number), &["goodsitemnumber", "sequencenumeric", "006"]),
    (
        "hs",
        Field::ItemText(|i| &mut i.hs),
        &[
            "hscode",
            "hs6",
            "hs6code",
            "commoditycode",
            "harmonizedsystemsubheadingcode",
            "harmonisedsystemsubheadingcode",
            "tariffcode",
            "145",
        ],
    ),
    ("description", Field::ItemText(|i| &mut i.description), &["goodsdescription", "descriptionofgoods", "cargodescription", "137"]),
    ("itemgrossmass", Field::ItemNumber(|i| &mut i.gross_mass), &["grossmasskg", "grossmassmeasure", "grossweight", "126"]),
    ("netmass", Field::ItemNumber(|i| &mut i.net_mass), &["netmasskg", "netweight", "netnetweightmeasure", "netweightmeasure", "128"]),
    ("packages", Field::ItemCount(|i| &mut i.packages), &["numberofpackages", "packagequantity", "quantityquantity", "144"]),
    ("packagekind", Field::ItemText(|i| &mut i.package_kind), &["packagetype", "typeofpackages", "typecode", "141"]),
    ("unnumber", Field::ItemText(|i| &mut i.un_number), &["undg", "undgid", "dangerousgoods", "506"]),
    ("origin", Field::ItemText(|i| &mut i.origin), &["countryoforigin", "origincountrycode", "063"]),
    ("itemvalue", Field::ItemNumber(|i| &mut i.value), &["itemprice", "itemchargeamount", "statisticalvalue", "customsvalueamount", "114"]),
    ("consignor", Field::Personal, &["exporter", "shipper", "r020", "r021"]),
    ("consignee", Field::Personal, &["importer", "importerid", "r014", "r037"]),
    ("buyer", Field::Personal, &["r009"]),
    ("seller", Field::Personal, &["sellerid", "r050"]),
    ("declarant", Field::Personal, &["declarantid", "agent", "representative", "r123", "r003"]),
    ("carrier", Field::Personal, &["courierid", "courier", "r012"]),
    ("notify", Field::Personal, &["notifyparty", "r045"]),
    ("driver", Field::Personal, &["drivername", "licenceplate", "licenseplate", "vehicleregistration", "trucknumber"]),
    ("contact", Field::Personal, &["phone", "telephone", "email", "address", "eori"]),
];

/// The field called `name`, and our name of it.
pub(super) fn field(name: &str) -> Option<(&'static str, Field)> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    FIELDS.iter().find(|(ours, _, others)| *ours == plain || others.contains(&&plain[..])).map(|(ours, field, _)| (*ours, *field))
}

/// Whether `field` belongs to a goods item.
pub(super) fn of_item(field: Field) -> bool {
    matches!(field, Field::ItemText(_) | Field::ItemNumber(_) | Field::ItemCount(_))
}

/// Fills `field` with `value`; an item's field goes to the last item.
pub(super) fn fill(declaration: &mut Declaration, name: &str, field: Field, value: &str) -> Result<(), Misfit> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(());
    }
    if value.len() > MAX_TEXT {
        return Err(Misfit::Limit("bytes of a text of a declaration", MAX_TEXT));
    }
    if of_item(field) && declaration.items.is_empty() {
        new_item(declaration)?;
    }
    match (field, declaration.items.last_mut()) {
        (Field::Text(place), _) => *place(declaration) = Some(value.to_owned()),
        (Field::Number(place), _) => *place(declaration) = Some(amount(value)?),
        (Field::List(place), _) => {
            for entry in value.split([';', '|', ',']).map(str::trim).filter(|entry| !entry.is_empty()) {
                let list = place(declaration);
                // A declaration of several CSV rows repeats its containers.
                if list.iter().any(|known| known == entry) {
                    continue;
                }
                if list.len() >= MAX_LIST {
                    return Err(Misfit::Limit("entries of a list of a declaration", MAX_LIST));
                }
                list.push(entry.to_owned());
            }
        }
        (Field::ItemText(place), Some(item)) => *place(item) = Some(value.to_owned()),
        (Field::ItemNumber(place), Some(item)) => *place(item) = Some(amount(value)?),
        (Field::ItemCount(place), Some(item)) => *place(item) = Some(value.parse().map_err(|_| Misfit::Value("is not a whole number"))?),
        (Field::Personal, _) => {
            let entry = (name.to_owned(), value.to_owned());
            if declaration.personal.len() >= MAX_LIST {
                return Err(Misfit::Limit("personal fields of a declaration", MAX_LIST));
            }
            if !declaration.personal.contains(&entry) {
                declaration.personal.push(entry);
            }
        }
        // An item was made above if there was none.
        (_, None) => {}
    }
    Ok(())
}

/// Begins another goods item.
pub(super) fn new_item(declaration: &mut Declaration) -> Result<(), Misfit> {
    if declaration.items.len() >= MAX_ITEMS {
        return Err(Misfit::Limit("goods items of a declaration", MAX_ITEMS));
    }
    declaration.items.push(GoodsItem::default());
    Ok(())
}

/// A mass or an amount of money: finite and not negative.
fn amount(value: &str) -> Result<f64, Misfit> {
    value.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0).ok_or(Misfit::Value("is not a number of at least 0"))
}

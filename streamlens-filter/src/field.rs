//! Fields: columns of rows, with the level that they are asked of.

use streamlens_model::row::{Amount, COLUMNS, Cell, Field, Kind, Level, RowRef};

use crate::catalogue::nearest;

/// A field as a filter names it.
#[derive(Clone, Debug)]
pub(crate) struct FieldRef {
    pub(crate) field: Field,
    /// The level that was written in front of it.
    at: Option<Level>,
    /// The level whose rows and all below know it; `None` where every row does.
    owner: Option<Level>,
}

/// What a row knows of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Its values, which may be none.
    Yes,
    /// Nothing: there are none, here or below.
    Absent,
    /// Rows below know.
    Below,
}

/// The prefixes of levels. Those of streams are columns of their own.
pub(crate) const PREFIXES: [(&str, Level); 4] = [
    ("flow.", Level::Flow),
    ("transport.", Level::Transport),
    ("encoding.", Level::Encoding),
    ("type.", Level::PacketType),
];

impl FieldRef {
    fn new(field: Field, at: Option<Level>) -> Self {
        let owner = match &field {
            Field::Column(column) => at.or(column.owner),
            Field::Meta(_) => at,
            Field::Measure(_) => Some(Level::Encoding),
        };
        Self { field, at, owner: owner.filter(|owner| *owner != Level::Flow) }
    }

    /// The field of that name; why there is none.
    pub(crate) fn find(name: &str) -> Result<Self, String> {
        if let Some(field) = Field::find(name) {
            return Ok(Self::new(field, None));
        }
        let prefixed = PREFIXES.iter().find_map(|(prefix, level)| Some((name.strip_prefix(prefix)?, *level)));
        let Some((inner, level)) = prefixed else { return Err(unknown(name)) };
        let Some(field) = Field::find(inner) else { return Err(unknown(name)) };
        let owner = match &field {
            Field::Column(column) => column.owner,
            _ => None,
        };
        if field.is_at(level) || owner.is_some_and(|owner| owner == level) {
            return Ok(Self::new(field, Some(level)));
        }
        Err(format!("{inner} is no field of that level: write {inner} alone"))
    }

    /// What its values are.
    pub(crate) fn kind(&self) -> Kind {
        self.field.kind()
    }

    /// Why no value of the field can be as great as this, where that is so: a comparison with it means something else.
    pub(crate) fn beyond(&self, value: f64) -> Option<String> {
        let name = self.field.name();
        let (most, is) = match (name.rsplit('.').next().unwrap_or_default(), self.kind()) {
            ("port" | "srcport" | "dstport", _) => (65_535.0, "ports go"),
            ("vlan", _) => (4_095.0, "VLAN identifiers go"),
            ("dscp", _) => (63.0, "DSCP goes"),
            ("ttl", _) => (255.0, "a TTL goes"),
            (_, Kind::Number(Amount::Share)) if !(0.0..=1.0).contains(&value) => {
                return Some("a share goes from 0 to 100%: 1 is all of them, 1% one in a hundred".to_owned());
            }
            _ => return None,
        };
        (value > most || value < 0.0 || value.fract() != 0.0).then(|| format!("{is} from 0 to {most}"))
    }

    /// Whether the names of encodings are looked for, whose refinements count.
    pub(crate) fn is_encoding(&self) -> bool {
        self.field.name() == "encoding"
    }

    /// Whether looking at it takes time with the number of streams, at every row below an encoding.
    pub(crate) fn is_of_streams(&self) -> bool {
        match &self.field {
            Field::Column(column) => column.is_at(Level::Stream) && column.owner.is_some(),
            Field::Measure(_) => true,
            Field::Meta(_) => false,
        }
    }

    /// Whether it asks for findings.
    pub(crate) fn is_of_findings(&self) -> bool {
        self.field.is_of_findings()
    }

    /// What a row knows of it.
    #[inline]
    pub(crate) fn known(&self, row: &RowRef<'_>) -> Known {
        let Some(owner) = self.owner else {
            let is_meta = matches!(self.field, Field::Meta(_));
            return if is_meta { self.known_meta(row) } else { Known::Yes };
        };
        let is_known = match owner {
            Level::Flow => true,
            Level::Transport => row.transport().is_some(),
            Level::Encoding => row.encoding().is_some(),
            Level::Stream => row.stream().is_some(),
            Level::PacketType => row.packet_type().is_some(),
        };
        match is_known {
            true => Known::Yes,
            false if row.has_below(owner) => Known::Below,
            false => Known::Absent,
        }
    }

    /// Metadata stand at several levels: the row or one above has it, or rows below may.
    fn known_meta(&self, row: &RowRef<'_>) -> Known {
        let is_here = self.read(row, &mut |_| true);
        let below = || [Level::Transport, Level::Encoding, Level::PacketType].iter().any(|level| row.has_below(*level));
        if is_here {
            Known::Yes
        } else if below() {
            Known::Below
        } else {
            Known::Absent
        }
    }

    /// Shows its values, until one is enough; whether it was.
    #[inline]
    pub(crate) fn read<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        match (self.at, &self.field) {
            (None, field) => field.read(row, see),
            (Some(level), Field::Meta(path)) => row.at(level).is_some_and(|row| path.read_own_meta(&row, see)),
            (Some(level), field) => row.at(level).is_some_and(|row| field.read(&row, see)),
        }
    }

    /// Its only value, where it has at most one and is no metadata.
    #[inline]
    pub(crate) fn first<'a>(&self, row: &RowRef<'a>) -> Option<Cell<'a>> {
        let Field::Column(column) = &self.field else { return None };
        match self.at {
            None => column.first(row),
            Some(level) => row.at(level).and_then(|row| column.first(&row)),
        }
    }

    /// Whether [`first`](Self::first) gives all there is.
    pub(crate) fn is_single(&self) -> bool {
        matches!(&self.field, Field::Column(column) if !column.is_many)
    }
}

/// Says that there is no such field, and which was meant.
pub(crate) fn unknown(name: &str) -> String {
    let parts: Vec<_> = name.split('-').collect();
    if parts.len() > 1 && parts.iter().all(|part| FieldRef::find(part).is_ok() || part.parse::<f64>().is_ok()) {
        return format!("there is no field '{name}'; to subtract, put spaces around -");
    }
    // what other languages call alike, and what has its level in front
    let related = [format!("stream.{name}"), format!("{name}.addr")];
    let outer = name.rsplit_once('.').map(|(outer, _)| outer);
    let mut known = related.iter().map(String::as_str).chain(outer);
    let known = known.find_map(|name| COLUMNS.iter().find(|column| column.name == name)).map(|column| column.name);
    let columns = || COLUMNS.iter().map(|column| column.name);
    let prefixed = PREFIXES.iter().find_map(|(prefix, _)| Some((*prefix, name.strip_prefix(prefix)?)));
    let near = match prefixed {
        Some((prefix, inner)) if Field::find(inner).is_none() => {
            nearest(inner, columns()).map(|near| format!("{prefix}{near}")).filter(|near| FieldRef::find(near).is_ok())
        }
        _ => known.or_else(|| nearest(name, columns())).map(str::to_owned),
    };
    let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("there is no field '{name}'{near}")
}

//! Lists to choose from: encodings, columns.

/// A list, with what was typed to narrow it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picker {
    pub(crate) title: String,
    items: Vec<String>,
    /// Items that are ticked, where several may be chosen.
    pub(crate) ticked: Option<Vec<String>>,
    /// What their names have to hold.
    pub(crate) typed: String,
    pub(crate) place: usize,
}

impl Picker {
    pub(crate) fn new(title: &str, items: Vec<String>, ticked: Option<Vec<String>>) -> Self {
        Self { title: title.to_owned(), items, ticked, ..Self::default() }
    }

    /// The items whose names hold what was typed.
    pub(crate) fn shown(&self) -> Vec<&str> {
        let typed = self.typed.to_lowercase();
        self.items.iter().map(String::as_str).filter(|item| item.to_lowercase().contains(&typed)).collect()
    }

    /// The item that is selected.
    pub(crate) fn selected(&self) -> Option<&str> {
        self.shown().get(self.place).copied()
    }

    pub(crate) fn step(&mut self, by: isize) {
        let last = self.shown().len().saturating_sub(1);
        self.place = self.place.saturating_add_signed(by).min(last);
    }

    pub(crate) fn type_in(&mut self, letter: Option<char>) {
        match letter {
            Some(letter) => self.typed.push(letter),
            None => drop(self.typed.pop()),
        }
        self.place = 0;
    }

    /// Ticks the selected item, or takes the tick away.
    pub(crate) fn tick(&mut self) {
        let Some(item) = self.selected().map(str::to_owned) else { return };
        let order: Vec<String> = self.items.clone();
        let Some(ticked) = &mut self.ticked else { return };
        if ticked.contains(&item) {
            ticked.retain(|known| *known != item);
        } else {
            ticked.push(item);
            ticked.sort_by_key(|name| order.iter().position(|item| item == name));
        }
    }
}

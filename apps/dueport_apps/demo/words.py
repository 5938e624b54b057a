"""The words that the demonstration's names are put together from."""

from typing import Final

SURNAMES: Final = (
    "Abbott", "Almeida", "Araújo", "Bélanger", "Benoît", "Bouchard", "Brzęczek", "Caldwell",
    "Castañeda", "Chagnon", "Côté", "D’Angelo", "D'Amico", "Delacroix", "Desrosiers", "Doyle",
    "Dąbrowski", "Ekström", "Ellsworth", "Fitzgerald", "Fournier", "Gagné", "García", "Gauthier",
    "Gonçalves", "Gunderson", "Halvorsen", "Hathaway", "Hernández", "Holloway", "Ibáñez",
    "Ingersoll", "Jørgensen", "Kearney", "Kowalczyk", "Labrie", "Lachance", "Leclerc",
    "L'Heureux", "Lindqvist", "MacDougall", "Marchetti", "McAllister", "McKinnon", "Mercier",
    "Michaud", "Müller", "Muñoz", "Nakamura", "Núñez", "Nwosu", "O’Brien", "O'Connell",
    "O'Malley", "Okafor", "Østergaard", "Ouellette", "Papadopoulos", "Pelletier", "Peña",
    "Pereira", "Pinkham", "Quimby", "Quiñones", "Ramírez", "Robichaud", "Rooney", "Ruiz",
    "Sánchez", "Schultz", "Serrano", "St. Pierre", "Sullivan", "Szymański", "Thibodeau",
    "Tremblay", "Underhill", "Valdés", "Van der Berg", "Villanueva", "Wentworth", "Whitcomb",
    "Wójcik", "Yüksel", "Zimmermann",
)  # fmt: skip

FIRST_NAMES: Final = (
    "Aaron", "Agnieszka", "Ana", "André", "Beatriz", "Benjamin", "Brigid", "Caleb", "Chloé",
    "Colleen", "Damien", "Deborah", "Diego", "Élodie", "Emmett", "Fiona", "François", "Gloria",
    "Grace", "Hannah", "Héctor", "Ingrid", "Isabela", "Jasper", "Joëlle", "José", "Katarzyna",
    "Keith", "Liam", "Lucía", "Luc", "Maeve", "Marcel", "María", "Matteo", "Nadia", "Noah",
    "Oksana", "Patrick", "Rachel", "Renée", "Rosa", "Seán", "Sofía", "Søren", "Tessa", "Tomás",
    "Ursula", "Victor", "Wanda", "Wesley", "Yolanda", "Zoë",
)  # fmt: skip

PLACES: Final = (
    "Ashuelot", "Bayside", "Beaver Brook", "Birchwood", "Black Rock", "Cedar Point", "Chesterfield",
    "Cold River", "Connecticut Valley", "Crescent Hill", "Eagle Ledge", "Elm Street", "Fox Hollow",
    "Granite State", "Green Mountain", "Harborview", "Hemlock Ridge", "Highland", "Iron Bridge",
    "Keene", "Lakeside", "Ledgewood", "Maple Avenue", "Meadowbrook", "Merrimack", "Mill Pond",
    "Monadnock", "Mount Caesar", "North Branch", "Notch", "Old Colony", "Otter River",
    "Pine Grove", "Pisgah", "Quabbin", "Riverbend", "Rocky Hill", "Saxton’s River", "Seacoast",
    "Silver Lake", "Spofford", "Stone Wall", "Sugar River", "Swanzey", "Three Rivers",
    "Timberlane", "Upper Valley", "Walpole", "Westmoreland", "White Birch", "Winding Brook",
)  # fmt: skip

TRADES: Final = (
    "Builders", "Building & Remodeling", "Cabinetry & Millwork", "Carpentry", "Concrete",
    "Construction", "Contracting", "Custom Homes", "Deck & Patio", "Design–Build",
    "Drywall & Plaster", "Excavation & Sitework", "Exteriors", "Fence & Gate", "Finish Carpentry",
    "Flooring", "Framing", "General Contractors", "Handyman Services", "Heating & Plumbing",
    "Home Improvement", "Homes", "Insulation", "Kitchens & Baths", "Landscape & Masonry",
    "Maintenance", "Modular Homes", "Painting & Restoration", "Property Management",
    "Renovations", "Restoration", "Roofing & Siding", "Stair & Rail", "Timber Frames",
    "Tree & Lumber", "Windows & Doors", "Woodworks",
)  # fmt: skip

FORMS: Final = ("LLC", "Inc.", "Co.", "Corp.", "LLP")

PUBLIC_BODIES: Final = (
    "Town of {place} – Department of Public Works",
    "{place} Regional School District, Buildings & Grounds",
    "{place} Housing Authority",
    "St. Anne’s Parish of {place}",
    "{place} Fire Precinct No. 2",
    "Habitat for Families of {place}",
)

STREETS: Final = (
    "Main St", "Court St", "Old Post Rd", "Route 12", "Mill Rd", "Church St", "Water St",
    "Railroad St", "Meetinghouse Rd", "Schoolhouse Ln", "Commerce Way", "Industrial Park Dr",
)  # fmt: skip

TOWNS: Final = (
    ("Keene", "NH", "03431"), ("Swanzey", "NH", "03446"), ("Peterborough", "NH", "03458"),
    ("Walpole", "NH", "03608"), ("Winchester", "NH", "03470"), ("Jaffrey", "NH", "03452"),
    ("Claremont", "NH", "03743"), ("Hinsdale", "NH", "03451"), ("Brattleboro", "VT", "05301"),
    ("Bellows Falls", "VT", "05101"), ("Putney", "VT", "05346"), ("Springfield", "VT", "05156"),
    ("Greenfield", "MA", "01301"), ("Athol", "MA", "01331"), ("Gardner", "MA", "01440"),
    ("Kittery", "ME", "03904"), ("Sanford", "ME", "04073"),
)  # fmt: skip

PROJECTS: Final = (
    "Addition", "Barn Conversion", "Bath Remodel", "Deck", "Dormer", "Garage", "Kitchen",
    "New House", "Porch Rebuild", "Re-roof", "Siding", "Sunroom", "Whole-House Renovation",
)  # fmt: skip

SITES: Final = (
    "Birchwood Estates", "Mill Pond Condominiums", "Elm City Brewing", "Cold River Store",
    "Monadnock Community Hospital", "Colonial Theatre Stage House", "Riverside Assisted Living",
    "Old Brick School", "West Street Fire Station", "The Orchard at Pisgah", "Railroad Square",
    "Ashuelot Covered Bridge", "Whitcomb Hall", "Hillside Village – Phase II",
)  # fmt: skip

LONG_JOBS: Final = (
    "Replacement of windows, doors and exterior trim, buildings A through F, per change order 7",
    "Historic sash restoration & slate repair – St. Anne’s Parish Hall (National Register)",
)

GOODS: Final = (
    "Framing package", "Roof trusses", "Engineered joists", "Decking & rail", "Siding & trim",
    "Windows, second delivery", "Interior doors", "Drywall & mud", "Insulation", "Roofing",
    "Concrete mix & rebar", "Fasteners", "Hardwood flooring", "Cabinet hardware", "Stair parts",
    "Pressure-treated lumber", "Sheathing", "Paint & primer", "Tool rental", "Will-call order",
)  # fmt: skip

RETURNS: Final = (
    "Returned trim boards", "Damaged drywall, 14 sheets", "Wrong window size", "Short shipment",
    "Price correction", "Returned pallets", "Overpayment", "Job-lot discount",
)  # fmt: skip

DEBITS: Final = ("Delivery surcharge", "Restocking fee", "Price correction", "Returned check fee")

BUYERS: Final = ("Mike", "Per Joe", "Verbal", "Luc B.", "Tomás", "Shop stock")

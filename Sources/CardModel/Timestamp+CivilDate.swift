// Days and dates of the proleptic Gregorian calendar.
//
// The two conversions are `days_from_civil` and `civil_from_days` of Howard Hinnant's page
// "chrono-Compatible Low-Level Date Algorithms". They count years from 1 March, so that the leap
// day is the last day of a year and the months before it have a length that one linear formula
// gives; 400 years, an era, are always 146,097 days.

extension Timestamp {
    /// A date without a time or a zone.
    struct CivilDate: Equatable {
        var year: Int64
        var month: Int64
        var day: Int64

        /// Takes the fields as they are: `isReal` tells whether there is such a day.
        init(year: Int64, month: Int64, day: Int64) {
            self.year = year
            self.month = month
            self.day = day
        }

        /// The date that lies `days` after 1970-01-01. Years must stay within ±10^9 or so.
        init(daysSince1970 days: Int64) {
            let shifted = days + 719_468
            let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
            let dayOfEra = shifted - era * 146_097
            let yearOfEra =
                (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
            let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let monthFromMarch = (5 * dayOfYear + 2) / 153
            day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
            month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
            year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        }

        /// Days since 1970-01-01, negative before. `month` must be in 1...12.
        var daysSince1970: Int64 {
            let yearFromMarch = month <= 2 ? year - 1 : year
            let era = (yearFromMarch >= 0 ? yearFromMarch : yearFromMarch - 399) / 400
            let yearOfEra = yearFromMarch - era * 400
            let monthFromMarch = month > 2 ? month - 3 : month + 9
            let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
            let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            return era * 146_097 + dayOfEra - 719_468
        }

        static func isLeap(year: Int64) -> Bool {
            year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        }

        /// 28 to 31. `month` must be in 1...12.
        static func daysInMonth(_ month: Int64, year: Int64) -> Int64 {
            switch month {
            case 2: isLeap(year: year) ? 29 : 28
            case 4, 6, 9, 11: 30
            default: 31
            }
        }
    }
}

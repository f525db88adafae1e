"""The words of the sample mail."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Letter:
    """One ordinary mail from a person."""

    name: str
    address: str
    to: str
    """The user part of the receiving address."""
    subject: str
    text: str
    answers: int | None = None
    """The position in `LETTERS` of the same person's letter that this one goes on from."""

    @property
    def domain(self) -> str:
        """The host that the letter's Message-ID names."""
        return self.address.partition("@")[2]


LETTERS = (
    Letter("Ada Marlow", "ada@bakery.example.org", "support", "The printer in the shop prints only half a page",
           "Good morning,\n\nsince Tuesday the receipts end in the middle. We already changed the paper. Any idea?"),
    Letter("Björn Lindqvist", "bjorn@workshop.example.org", "support", "Räksmörgås in the file name breaks the upload",
           "Hej,\n\na file named räksmörgås.pdf cannot be uploaded. Renamed to lunch.pdf it works."),
    Letter("Chiyo Tanaka", "chiyo@tea.example.org", "support", "請求書の再発行をお願いします",
           "いつもお世話になっております。\n\n先月の請求書を再発行していただけますか。よろしくお願いいたします。"),
    Letter("Dmitri Volkov", "dmitri@chess.example.org", "support", "Не приходит письмо для сброса пароля",
           "Здравствуйте!\n\nУже два часа жду письмо для сброса пароля. Проверил папку «Спам» — там пусто."),
    Letter("Élodie Martin", "elodie@fromage.example.org", "sales", "Devis pour douze postes",
           "Bonjour,\n\nnous ouvrons une deuxième crèmerie. Pourriez-vous nous faire un devis pour douze postes ?"),
    Letter("Fatima Zahra", "fatima@library.example.org", "support", "Which version do we run?",
           "Hello,\n\nour auditor would like to know which version is installed, and since when. Where do I look?"),
    Letter("Goran Petrović", "goran@boats.example.org", "office", "Parcel came to us by mistake",
           "Dear neighbours,\n\nyour parcel stands in our boathouse. Come any time until six, there is coffee."),
    Letter("Hana Nováková", "hana@theatre.example.org", "sales", "Price for schools and small theatres",
           "Good day,\n\nwe are a theatre with four people and no money. Is there a price for that?"),
    Letter("Ada Marlow", "ada@bakery.example.org", "support", "Re: The printer in the shop prints only half a page",
           "It was the cable, just as you thought. Thank you! The first rolls are on us.", answers=0),
    Letter("Ibrahim Kaya", "ibrahim@bikes.example.org", "support", "Two customers with the same number",
           "Hi,\n\ncustomers Demir and Yıldız both have number 20417. Which of them shall I change?"),
    Letter("Jana Krüger", "jana@dental.example.org", "support", "Appointment reminders go out twice",
           "Hello,\n\nsince the update each patient gets the reminder twice, one minute apart. They find it funny."),
    Letter("Kofi Mensah", "kofi@radio.example.org", "office", "Interview on Thursday",
           "Dear all,\n\nwe would like to ask you three questions about small companies on air. Thursday at ten?"),
    Letter("Lucía Romero", "lucia@olives.example.org", "sales", "¿Hacen envíos a las islas?",
           "Hola,\n\n¿hacen envíos a Menorca? Serían tres cajas al mes. ¡Gracias!"),
    Letter("Mikko Virtanen", "mikko@sauna.example.org", "support", "Temperature sensor shows 0 degrees",
           "Moi,\n\nall sensors show zero since the power cut. Outside that may be right, in the sauna it is not."),
    Letter("Nadia Osei", "nadia@travel.example.org", "support", "Cannot log in since this morning",
           "Hello,\n\nthe page says my account is locked. I did not do anything. Three of us have the same."),
    Letter("Nadia Osei", "nadia@travel.example.org", "support", "Re: Cannot log in since this morning",
           "Update: it works again for two of us, only Sam is still locked out.", answers=14),
    Letter("Oskar Lund", "oskar@wood.example.org", "sales", "Order 1182: one chair too many",
           "Hi,\n\nwe ordered six chairs and seven came. The seventh is very comfortable, may we keep and pay it?"),
    Letter("Priya Nair", "priya@yoga.example.org", "support", "Change request: calendar should start on Monday",
           "Hello,\n\nour week starts on Monday, the calendar's on Sunday. Can that be set? It confuses everybody."),
    Letter("Quentin Dubois", "quentin@cinema.example.org", "support", "Le son est décalé dans la salle 2",
           "Bonjour,\n\ndepuis la mise à jour, le son arrive une demi-seconde après l'image dans la salle 2."),
    Letter("Rosa Bianchi", "rosa@pasta.example.org", "office", "Grazie!",
           "Cari tutti,\n\nla visita è stata bellissima. Vi mando la ricetta appena la trovo."),
    Letter("Sam Carter", "sam@travel.example.org", "support", "Locked out (Nadia told you)",
           "Hi, I am the Sam that Nadia wrote about. My user is sam.carter. I can wait until lunch."),
    Letter("Tomasz Zieliński", "tomasz@maps.example.org", "support", "Żółte oznaczenia zniknęły z mapy",
           "Dzień dobry,\n\npo ostatniej aktualizacji z mapy zniknęły wszystkie żółte oznaczenia szlaków."),
    Letter("Ulla Hansen", "ulla@wool.example.org", "sales", "Sample book",
           "Dear sales,\n\nthe sample book arrived and is beautiful. We would like to order numbers 4, 9 and 17."),
    Letter("Vikram Rao", "vikram@solar.example.org", "support", "Export stops at 80 %",
           "Hello,\n\nthe yearly export stops at 80 % with no message. The monthly ones work. What may I send you?"),
    Letter("Wanjiru Kamau", "wanjiru@coffee.example.org", "sales", "Question about delivery times",
           "Good morning from Nyeri,\n\nhow long does a delivery take these days? Our season starts in three weeks."),
    Letter("Xenia Papadopoulou", "xenia@museum.example.org", "support", "Ερώτηση για τα αντίγραφα ασφαλείας",
           "Καλημέρα σας,\n\nπόσο συχνά δημιουργούνται αντίγραφα ασφαλείας και πού φυλάσσονται;"),
    Letter("Yusuf Demir", "yusuf@bikes.example.org", "support", "Ibrahim asked me to write: number 20417",
           "Hi,\n\nplease change mine, I have had it for a week only. Mr Yıldız may keep his."),
    Letter("Zoë Baker", "zoe@school.example.org", "support", "32 tablets, one question",
           "Hello,\n\nthe children ask whether the tablets can show the time. So do I, to be honest."),
    Letter("Ada Marlow", "ada@bakery.example.org", "office", "Breakfast for your team on Friday",
           "Dear office,\n\nhow many of you are there on Friday? I promised rolls and I keep my promises."),
    Letter("Vikram Rao", "vikram@solar.example.org", "support", "Re: Export stops at 80 %",
           "Found something: the row at 80 % has a customer with an empty name. Without it all goes well.", answers=23),
    Letter("Émile Roche", "emile@printing.example.org", "office", "Proofs of the new letterhead",
           "Hello,\n\nthe proofs are ready. Green as discussed, or the blue that everybody liked better?"),
    Letter("Noor van Dijk", "noor@flowers.example.org", "support", "Webshop shows prices without tax",
           "Dag,\n\nsince midnight the shop shows net prices. Customers are happy, we are less so."),
    Letter("Mia Schneider", "mia@kindergarten.example.org", "office", "Besuch der Bärengruppe",
           "Liebes Büro,\n\nzwölf Kinder würden gern sehen, wo die Briefe ankommen. Passt Ihnen Mittwoch?"),
    Letter("Liam O’Connor", "liam@harbour.example.org", "support", "Backup disk is at 91 %",
           "Hi,\n\nthe monitor says the backup disk is at 91 %. Shall we order a new one or can old ones go?"),
    Letter("Sofia Almeida", "sofia@tiles.example.org", "sales", "Orçamento para azulejos",
           "Bom dia,\n\npodiam enviar-nos um orçamento para 40 m² de azulejos azuis? Obrigada."),
)  # fmt: skip
"""In the order in which they come."""

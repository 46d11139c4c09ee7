package scan

import (
	"strings"
	"unicode/utf8"
)

// phrase is a run of characters with a meaning, in a script without spaces between words.
type phrase struct {
	s  string
	of concept
}

// tongue is the vocabulary of an instruction to a model in another language: stems, or phrases for scripts without spaces.
type tongue struct {
	of    concept
	stems string
}

// European and other languages with spaces: a stem stands for every word that begins with it; = marks a whole word.
var tongues = []tongue{
	// German, Dutch, Scandinavian
	{ignore, "ignorier missacht vergiss vergesst missachte negeer ignorera ignorer=  glöm"},
	{prior, "vorherig bisherig früher obig vorangegangen vorige= eerdere tidigare foregående"},
	{instruction, "anweisung instruktion regeln= richtlinie vorgabe instructies instruktioner regels"},
	{send, "sende= senden= sendet= schick übermittel übertrag weiterleit leite= stuur verstuur verzend skicka"},
	{read, "lies= lese= lesen= öffne auslesen hole= holen= lees= läs= kopier"},
	{put, "füge= einfügen hänge= anhängen schreibe schreib= übergib trage= voeg= lägg="},
	{tell, "erwähn mitteil informier verrat verrate sage= sagen= offenbar benachrichtig vermeld nämn"},
	{before, "zuerst= eerst="},
	{tell, "vertel erzähl"},
	{not, "nichts= niets= niemand= niemandem= niemanden= nicht= niemals= kein keine niet= nooit= inte= aldrig="},
	{without, "ohne= zonder= utan="},
	{person, "benutzer nutzer anwender gebruiker användare"},
	{before, "bevor= vor= voordat= innan="},
	{must, "musst= muss= müssen= immer= stets= unbedingt= moet= måste="},
	{secret, "passwör passwort zugangsdaten geheimnis umgebungsvariable anmeldedaten wachtwoord lösenord schlüssel= api-schlüssel"},
	{talk, "gesprächsverlauf chatverlauf unterhaltung systemprompt gespräch"},
	{silent, "heimlich stillschweigend unbemerkt unauffällig"},
	{path, "schlüsseldatei="},
	{content, "inhalt datei= dateien= inhoud bestand innehåll"},
	{call, "aufruf rufe= verwende= benutze= nutze= ausführ gebruik använd"},
	{tool, "werkzeug werkzeuge"},
	{show, "gib= zeige= offenbare= mostra mostre= montre= affiche= révèle= toon= visa= покажи выведи wyświetl zobraz göster tampilkan="},
	{change, "ersetze änder tausch remplac reemplaz sostitui cambia= modific substitu замени подмени zamień zmień değiştir ganti="},
	{secret, "passwörter= kennwort mots= mot-de-passe password= segreto"},
	{call, "aufgerufen= aufzurufen="},
	{every, "alle= allen= aller= jede="},
	{every, "jedem= jeder= irgendein anderen= sämtlich gesamten= chaque= autre= cada= cualquier qualquer= ogni= qualsiasi= каждо любым= другим= każd každ her= setiap="},
	// French
	{ignore, "ignorez= ignore= oubliez= oublie= ignorer="},
	{prior, "précédent precedent antérieur préalable"},
	{instruction, "consigne directive règle instruction"},
	{send, "envoie envoyez envoyer= transmets transmettez transférez transférer transmettre="},
	{read, "lis= lisez= lire= ouvre= ouvrez= récupér copiez= copie="},
	{put, "ajoute= ajoutez= ajouter= inclus incluez= insère insérez mets= mettez="},
	{tell, "mentionn dis= dites= révèl prévenir= préveni informe informez avertir= parle="},
	{before, "d'abord="},
	{not, "rien= pas= jamais= ne="},
	{without, "sans="},
	{person, "utilisateur l'utilisateur"},
	{before, "avant="},
	{must, "dois= devez= doit= toujours= impérativement="},
	{secret, "mot= mots= passe= identifiants= secrets= jetons= l'environnement d'environnement clé= clés="},
	{talk, "conversation l'historique historique"},
	{silent, "discrètement secrètement silencieusement"},
	{content, "contenu fichier fichiers"},
	{call, "appeler= d'appeler= utiliser= d'utiliser= appelez="},
	{tool, "outil"},
	{every, "tout= toute= toutes= tous="},
	// Spanish, Portuguese, Italian
	{ignore, "ignora= ignore= ignorar= olvida= olvide= omite= esqueça esqueca desconsidere= ignori= dimentica= ignorare="},
	{prior, "anterior precedent previas= previos= prévias"},
	{instruction, "instruccion instruções instrucoes istruzion regla reglas= regra regole= direttiv indicacion"},
	{send, "envía= envia= envíe= envíe enviar= envie= manda= mande= invia= invii= inviare= inoltra reenvía reenvia transmit encaminhe="},
	{read, "lee= lea= leer= leia= leggi= legga= leggere= abre= abra= apri= copia= copie= obtén="},
	{put, "añade= añada= incluye= incluya= agrega inclua= adicione= anexe= aggiungi= includi= inserisci= adjunta= inserta="},
	{tell, "menciones= mencione= mencionar= digas= diga= decir= reveles= revele= revelar= informes= informe= avis dire= menzionare= rivelare= rivel informare= dizer= conte= notificar= avise="},
	{before, "primero= primeiro="},
	{not, "nada= nadie= ninguém= nulla= niente= nessuno= no= nunca= não= nao= non= mai= jamás= nunca="},
	{without, "sin= sem= senza="},
	{person, "usuario usuário utente all'utente l'utente utilizador"},
	{before, "antes= prima="},
	{must, "debes= debe= siempre= deve= devi= sempre= deverá="},
	{secret, "contraseña senha senhas= credencial credenziali variables= variáveis variabili clave= claves= chave= chaves= chiavi= password= segreti= secreto"},
	{talk, "conversación conversacion conversa= conversazione historial histórico cronologia"},
	{silent, "silenciosamente secretamente silenziosamente segretamente discretamente"},
	{content, "contenido conteúdo contenuto archivo arquivo archivos arquivos fichero file="},
	{call, "llamar= usar= utilizar= chamar= chiamare= usare= ejecutar="},
	{tool, "herramienta ferramenta strumento"},
	{every, "todas= todos= tutte= tutti= todo="},
	// Russian, Ukrainian, Bulgarian
	{ignore, "игнориру забуд проигнориру ігнору забудь"},
	{prior, "предыдущ прежн ранее= вышеуказан прошл попередн"},
	{instruction, "инструкц указани правил інструкц"},
	{send, "отправ пошли= перешли передай= надішл відправ"},
	{read, "прочита прочти= читай= откро скопиру собери= прочитай відкрий"},
	{put, "добав= добавь= вставь= включи= добавьте= запиши= додай вклад"},
	{tell, "упомина сообща сообщ говори= рассказыва уведомля раскрыва повідомля згадуй"},
	{not, "не= никогда= ніколи="},
	{without, "без="},
	{person, "пользовател користувач"},
	{before, "перед= прежде= перш="},
	{must, "должен= должны= обязательно= всегда= обязан завжди="},
	{secret, "парол секрет ключ= ключи= ключей= токен окружени учетны учётны змінн оточення"},
	{talk, "переписк диалог истори разговор"},
	{silent, "незаметно= тайно= скрытно= молча="},
	{content, "содержим файл вміст"},
	{call, "вызов вызыва использ викорис"},
	{tool, "инструмент= инструмента= інструмент"},
	{every, "все= всех= всі= любой="},
	// Polish, Czech, Turkish, Indonesian, Vietnamese
	{ignore, "zignoruj ignoruj pomiń ignoruj görmezden yoksay abaikan bỏ="},
	{prior, "poprzedni wcześniejsz předchozí önceki sebelumnya= trước="},
	{instruction, "instrukcj polece pokyn talimat yönerge instruksi perintah hướng="},
	{send, "wyślij prześlij odešli pošli gönder kirim gửi="},
	{read, "odczytaj przeczytaj otwórz přečti oku= okuyun baca= đọc="},
	{tell, "wspominaj informuj mów= nezmiňuj söyleme bahsetme beritahu sebutkan"},
	{not, "nie= nigdy= asla= jangan= không= đừng="},
	{without, "bez= olmadan= tanpa="},
	{person, "użytkownik uživatel kullanıcı pengguna người="},
	{before, "zanim= przed= než= önce= sebelum="},
	{secret, "hasł hesl şifre sandi mật= ortam="},
	// Danish, Norwegian, Finnish, Hungarian, Romanian, Greek
	{ignore, "ignorer unohda hagyd= ignoră ignora αγνόησ αγνοήσ ξέχασ"},
	{prior, "tidligere= forrige= aiemm aikaisem edellis korábbi előző anterioare= precedente προηγούμεν"},
	{instruction, "instruktioner instrukser ohje ohjei ohjeet= utasítás instrucțiun οδηγί εντολ"},
	{send, "lähet küld elküld trimite στείλ στέλν"},
	{read, "lue= læs= les= olvas citește= διάβασ"},
	{put, "tilføj lisää= hozzáad adaugă= πρόσθεσ"},
	{tell, "fortæl fortell kerro mond= mondd= spune= πεις= πείτε= αναφέρ"},
	{not, "ikke= älä= ne= nem= nu= μην= δεν="},
	{without, "uden= uten= ilman= nélkül fără= χωρίς="},
	{person, "bruger käyttäj felhasznál utilizator χρήστη"},
	{before, "før= ennen= előtt înainte= πριν="},
	{secret, "adgangskod passord salasan jelsz parol κωδικ"},
	{talk, "keskustelu beszélget conversați συνομιλί"},
	// Arabic, Persian, Hebrew, Hindi
	{ignore, "تجاهل نادیده התעלם अनदेखा"},
	{prior, "السابقة السابق قبلی הקודמות पिछले पूर्व"},
	{instruction, "التعليمات تعليمات دستورالعمل دستورات ההוראות הוראות निर्देश"},
	{send, "أرسل ارسل ارسال بفرست שלח भेजें भेजो"},
	{read, "اقرأ افتح بخوان קרא פתח पढ़ें पढ़ो"},
	{tell, "تخبر تذكر نگو تספר תספר תזכיר बताएं बताना बताएँ"},
	{not, "لا= نه= אל= לא= मत= न="},
	{without, "دون= بدون= ללא= बिना="},
	{person, "المستخدم للمستخدم مستخدم کاربر המשתמש למשתמש उपयोगकर्ता"},
	{before, "قبل= לפני= पहले="},
	{secret, "كلمات= المرور= مفتاح رمز= סיסמ מפתח पासवर्ड متغيرات"},
}

// Scripts without spaces between words, and Korean, whose endings join the words.
var unspaced = []tongue{
	{ignore, "忽略 无视 無視 忘记 忘記 不要理会 無視して 忘れて 무시"},
	{prior, "之前 以前 先前 前面 上述 此前 以前の これまで 前の 이전 앞선 기존"},
	{instruction, "指令 指示 规则 規則 说明 提示词 命令 ルール 지시 지침 규칙 명령"},
	{send, "发送 發送 上传 上傳 传送 傳送 转发 轉發 发给 送信 送って 転送 アップロード 전송 보내 업로드"},
	{read, "读取 讀取 打开 打開 获取 查看 收集 读出 読み取 読んで 読み込 開いて 収集 읽어 읽고 열어 수집"},
	{put, "添加到 附加 放入 填入 写入 加入到 附在 追加して 含めて 書き込 추가하 포함하 첨부"},
	{tell, "告诉 告訴 提及 提到 透露 通知 告知 说明给 伝え 言わ 言及 知らせ 教え 明かさ 알리 말하 언급"},
	{not, "不要 不得 请勿 請勿 切勿 勿 别 禁止 绝不 不能 不可 ないで ください。ない せず なく 마세요 말고 마라 않고 않습"},
	{without, "无需 無需 不经 未经 なしに ずに 없이 않고"},
	{person, "用户 用戶 使用者 ユーザー ユーザ 利用者 사용자"},
	{before, "之前 前に 하기전 之前必须"},
	{must, "必须 必須 务必 務必 一定要 总是 必ず 常に 반드시 항상"},
	{secret, "密码 密碼 密钥 密鑰 私钥 凭证 憑證 环境变量 環境變量 環境変数 パスワード 秘密鍵 認証情報 令牌 비밀번호 환경변수 자격증명"},
	{talk, "聊天记录 聊天記錄 对话历史 對話歷史 完整的对话 对话记录 대화 기록 시스템 프롬프트 对话内容 系统提示 会話履歴 会話の内容 システムプロンプト 대화기록 대화내용 프롬프트"},
	{silent, "悄悄 偷偷 暗中 秘密地 静默 密かに こっそり 몰래 조용히"},
	{content, "内容 內容 文件 ファイル 中身 내용 파일"},
	{call, "调用 調用 使用 呼び出 使う 호출 사용"},
	{tool, "工具 ツール 도구 เครื่องมือ"},
	{ignore, "ละเว้น เพิกเฉย"}, {prior, "ก่อนหน้า"}, {instruction, "คำสั่ง คำแนะนำ"}, {send, "ส่ง"}, {read, "อ่าน"}, {not, "ห้าม อย่า"}, {tell, "บอก แจ้ง"}, {person, "ผู้ใช้"}, {secret, "รหัสผ่าน"},
	{show, "输出 输出你 显示 打印 出力 表示 출력 보여"}, {not, "保密 隐瞒"}, {tell, "保密 隐瞒"},
	{every, "所有 全部 すべて 全て 모든"},
}

func (v *vocabulary) addLanguages() {
	for _, t := range tongues {
		for stem := range strings.FieldsSeq(t.stems) {
			if word, whole := strings.CutSuffix(stem, "="); whole {
				v.stems["="+word] |= t.of | foreignWord
			} else {
				v.stems[stem] |= t.of | foreignWord
			}
		}
	}
	for _, t := range unspaced {
		for s := range strings.FieldsSeq(t.stems) {
			r, _ := utf8.DecodeRuneInString(s)
			v.phrases[r] = append(v.phrases[r], phrase{s, t.of | foreignWord})
		}
	}
}

// foreign looks a word up that is not English: whole, or by its longest stem.
func (v *vocabulary) foreign(word string) concept {
	if of := v.stems["="+word]; of != 0 {
		return of
	}
	for end := len(word); end >= 4; end-- {
		if end < len(word) && !utf8.RuneStart(word[end]) {
			continue
		}
		if of := v.stems[word[:end]]; of != 0 {
			return of
		}
	}
	return 0
}
